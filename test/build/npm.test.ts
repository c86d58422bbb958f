import { execFile } from 'node:child_process'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { buildCheckout } from '../../src/build/index.ts'
import type { Context } from '../../src/context.ts'
import type { Target } from '../../src/environment.ts'
import { testContext } from '../support/context.ts'
import { lockedApp, servePackages } from './registry.ts'
import { checkoutWith, recorded, script, type Recorded } from './support.ts'

const run = promisify(execFile)
const REUSED = 'node_modules: reused, package-lock.json is unchanged'
const tiny = { 'index.js': 'module.exports = "tiny"\n' }

async function build(ctx: Context, target: Target, cache = true): Promise<Recorded> {
  const output = recorded()
  await buildCheckout(ctx, target, undefined, output, { timeout: 120, cache })
  return output
}

/** What a release would see: what node loads, in the checkout's directory. */
async function evaluate(target: Target, expression: string): Promise<string> {
  const { stdout } = await run(process.execPath, ['-p', expression], { cwd: target.path })
  return stdout.trim()
}

test('an Express app: the second push with the same lock file installs nothing, and gets the same files', async () => {
  const ctx = await testContext()
  const manifest = JSON.stringify({ name: 'app', version: '1.0.0', dependencies: { express: '^5.0.0' } })
  const unlocked = await checkoutWith(ctx, '1', { 'package.json': manifest })
  const first = await build(ctx, unlocked)
  expect(first.lines).toContain('$ npm install')
  expect(first.lines).toContain(
    'node_modules: installed anew with each deploy, because there is no lock file',
  )

  const files = {
    'package.json': manifest,
    'package-lock.json': await readFile(join(unlocked.path, 'package-lock.json'), 'utf8'),
  }
  const installed = await checkoutWith(ctx, '2', files)
  expect((await build(ctx, installed)).lines).toContain('$ npm ci')
  const reused = await checkoutWith(ctx, '3', files)
  expect((await build(ctx, reused)).lines).toEqual([REUSED])

  await run('diff', ['-r', '--no-dereference', installed.path, reused.path])
  expect(await evaluate(reused, 'typeof require("express")().listen')).toBe('function')
})

test('what changes an install changes the key', async () => {
  const ctx = await testContext()
  const { a, b } = await servePackages({ a: tiny, b: tiny })
  const app = lockedApp({ a: a! })
  const builds = async (name: string, files: Record<string, string>, env: Record<string, string> = {}) =>
    (await build(ctx, await checkoutWith(ctx, name, files, env))).lines.includes(REUSED)

  expect(await builds('first', app)).toBe(false)
  expect(await builds('the same', app)).toBe(true)
  expect(
    await builds('another app version', {
      ...app,
      'package.json': app['package.json'].replace('1.0.0', '1.0.1'),
    }),
  ).toBe(true)
  expect(await builds('another dependency', lockedApp({ a: a!, b: b! }))).toBe(false)
  expect(await builds('another setting of npm', { ...app, '.npmrc': 'legacy-peer-deps=true\n' })).toBe(false)
  expect(await builds('another environment', app, { NATIVE: '1' })).toBe(false)
})

test('no environment value is in the cache in clear', async () => {
  const ctx = await testContext()
  const { a } = await servePackages({ a: tiny })
  await build(ctx, await checkoutWith(ctx, '1', lockedApp({ a: a! }), { TOKEN: 'very-secret-value' }))
  const found = run('grep', ['-r', 'very-secret-value', ctx.paths.cache])
  await expect(found).rejects.toMatchObject({ code: 1 })
  expect((await readdir(ctx.paths.trees)).join()).not.toContain('very-secret-value')
})

test('a build has its dev dependencies, which are gone afterwards in production', async () => {
  const ctx = await testContext()
  const { a, bundler } = await servePackages({
    a: tiny,
    bundler: { 'index.js': 'module.exports = "bundle"\n' },
  })
  const app = lockedApp(
    { a: a! },
    { bundler: bundler! },
    {
      build: `node -e "fs.writeFileSync('out.txt', require('bundler') + require('a'))"`,
    },
  )
  for (const name of ['installed', 'reused']) {
    const target = await checkoutWith(ctx, name, app, { NODE_ENV: 'production' })
    const { lines } = await build(ctx, target)
    expect(lines.includes(REUSED)).toBe(name === 'reused')
    expect(await readFile(join(target.path, 'out.txt'), 'utf8')).toBe('bundletiny')
    expect(await readdir(join(target.path, 'node_modules'))).toEqual(['.package-lock.json', 'a'])
  }
})

test('a build that writes into a dependency in place works, and changes it for nobody else', async () => {
  const ctx = await testContext()
  const { a } = await servePackages({ a: tiny })
  // As root, modes refuse nothing, so the script looks at them itself.
  const patch = `
    const file = 'node_modules/a/index.js'
    if ((fs.statSync(file).mode & 0o200) === 0) throw new Error('EACCES: permission denied, open ' + file)
    fs.appendFileSync(file, 'module.exports += " patched"')`
  const files = {
    ...lockedApp({ a: a! }, {}, { build: 'node patch.cjs' }),
    'patch.cjs': `const fs = require('fs')${patch}`,
  }
  const unpatched = await checkoutWith(ctx, 'unpatched', lockedApp({ a: a! }))
  await build(ctx, unpatched)
  for (const name of ['first', 'second', 'third']) {
    const target = await checkoutWith(ctx, name, files)
    const { lines } = await build(ctx, target)
    expect(await evaluate(target, 'require("a")')).toBe('tiny patched')
    // Once learned, the copies come at once.
    expect(lines.some((line) => line.includes('once more'))).toBe(name === 'first')
  }
  expect(await evaluate(unpatched, 'require("a")')).toBe('tiny')
})

test('a damaged tree is not used but made anew', async () => {
  const ctx = await testContext()
  const { a } = await servePackages({ a: tiny })
  const app = lockedApp({ a: a! })
  await build(ctx, await checkoutWith(ctx, '1', app))
  const [key = ''] = await readdir(ctx.paths.trees)
  const file = join(ctx.paths.tree(key), 'tree/a/index.js')
  await chmod(file, 0o644)
  await writeFile(file, '')

  const repaired = await checkoutWith(ctx, '2', app)
  expect((await build(ctx, repaired)).lines).toContain('$ npm ci')
  expect(await evaluate(repaired, 'require("a")')).toBe('tiny')
  expect((await build(ctx, await checkoutWith(ctx, '3', app))).lines).toEqual([REUSED])
})

test('two builds at once with one key both succeed, and one tree is kept', async () => {
  const ctx = await testContext()
  const { a } = await servePackages({ a: tiny })
  const app = lockedApp({ a: a! })
  const targets = await Promise.all(['1', '2', '3'].map((name) => checkoutWith(ctx, name, app)))
  await Promise.all(targets.map((target) => build(ctx, target)))
  expect(await Promise.all(targets.map((target) => evaluate(target, 'require("a")')))).toEqual([
    'tiny',
    'tiny',
    'tiny',
  ])
  expect(await readdir(ctx.paths.trees)).toHaveLength(1)
})

test('a build without the cache takes nothing from it and leaves nothing in it', async () => {
  const ctx = await testContext()
  const { a } = await servePackages({ a: tiny })
  const target = await checkoutWith(ctx, '1', lockedApp({ a: a! }))
  expect((await build(ctx, target, false)).lines).toContain('$ npm ci')
  await expect(stat(ctx.paths.trees)).rejects.toThrow('ENOENT')
  expect((await stat(join(target.path, 'node_modules/a/index.js'))).mode & 0o200).toBe(0o200)
})

test('nothing is run for a package without dependencies', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', { 'package.json': '{"scripts":{"start":"node ."}}' })
  expect((await build(ctx, target)).lines).toEqual([])
})

test('a package.json that is not JSON is named', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', { 'package.json': '{' })
  await expect(build(ctx, target)).rejects.toMatchObject({
    code: 'failed',
    message: expect.stringContaining('npm: package.json cannot be read'),
  })
})

test('yarn installs by its lock file, where it is installed', async () => {
  const ctx = await testContext()
  const files = {
    'package.json': '{"dependencies":{"a":"1"},"scripts":{"postinstall":"true"}}',
    'yarn.lock': '# yarn lockfile v1\n',
    'tools/yarn': script('#!/bin/sh\necho "yarn got: $*"\n'),
  }
  const target = await checkoutWith(ctx, '1', files)
  const env = { PATH: `${join(target.path, 'tools')}:${ctx.baseEnv['PATH']}` }
  expect((await build(ctx, { ...target, env })).lines).toContain(
    'yarn got: install --frozen-lockfile --non-interactive',
  )
})
