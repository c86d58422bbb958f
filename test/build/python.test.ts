import { execFile } from 'node:child_process'
import { lstat, readdir, readFile, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { buildCheckout } from '../../src/build/index.ts'
import { pruneCache } from '../../src/build/prune-cache.ts'
import type { Context } from '../../src/context.ts'
import type { Target } from '../../src/environment.ts'
import { temporaryDirectory, testContext } from '../support/context.ts'
import { checkoutWith, recorded, script, writeFiles, type Recorded } from './support.ts'

const run = promisify(execFile)
const REUSED = 'venv: reused, requirements.txt is unchanged'

/** A directory with wheels for pip: no index is asked. */
async function wheels(...names: string[]): Promise<Record<string, string>> {
  const directory = await temporaryDirectory()
  for (const name of names) {
    const info = `${name}-1.0.dist-info`
    const tree = join(directory, name)
    await writeFiles(tree, {
      [`${name}.py`]: `def main(): print("${name} runs")\n`,
      [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`,
      [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
      [`${info}/entry_points.txt`]: `[console_scripts]\n${name}-cli = ${name}:main\n`,
      [`${info}/RECORD`]: '',
    })
    const wheel = join(directory, `${name}-1.0-py3-none-any.whl`)
    await run('/usr/bin/python3', ['-m', 'zipfile', '-c', wheel, `${name}.py`, info], { cwd: tree })
  }
  return { PIP_NO_INDEX: '1', PIP_FIND_LINKS: directory }
}

async function build(ctx: Context, target: Target): Promise<Recorded> {
  const output = recorded()
  await buildCheckout(ctx, target, undefined, output, { timeout: 120, cache: true })
  return output
}

async function printed(target: Target, command: string, ...args: string[]): Promise<string> {
  return (await run(join(target.path, command), args, { cwd: target.path })).stdout.trim()
}

test('checkouts with the same requirements share a virtual environment, which a later push only links to', async () => {
  const ctx = await testContext()
  const env = await wheels('greet')
  const files = { 'requirements.txt': '-r more.txt\n', 'more.txt': 'greet==1.0\n' }
  const targets = await Promise.all(['1', '2'].map((name) => checkoutWith(ctx, name, files, env)))
  // Two at once: one makes it, the other waits.
  const outputs = await Promise.all(targets.map((target) => build(ctx, target)))
  const made = outputs.filter(({ lines }) => lines.some((line) => line.includes('-m venv')))
  expect(made).toHaveLength(1)
  const later = await checkoutWith(ctx, '3', files, env)
  expect((await build(ctx, later)).lines).toEqual([REUSED])
  for (const target of [...targets, later])
    expect(await printed(target, 'venv/bin/greet-cli')).toBe('greet runs')

  const venv = await readlink(join(later.path, 'venv'))
  expect(await printed(later, 'venv/bin/python', '-c', 'import sys; print(sys.prefix)')).toBe(
    join(later.path, 'venv'),
  )
  // Installing into what others run with is refused.
  expect((await stat(join(venv, 'bin'))).mode & 0o222).toBe(0)
  expect((await stat(join(venv, 'bin/greet-cli'))).mode & 0o777).toBe(0o555)

  // However old it is, it stays as long as a checkout points at it.
  const inAYear: Context = { ...ctx, now: () => new Date(Date.now() + 365 * 86_400_000) }
  expect(await pruneCache(inAYear)).toEqual([])
  expect(await printed(later, 'venv/bin/greet-cli')).toBe('greet runs')
  await run('rm', ['-r', join(ctx.paths.checkouts)])
  expect(await pruneCache(inAYear)).toHaveLength(1)
  await expect(lstat(venv)).rejects.toThrow('ENOENT')
})

test('requirements that cannot be met leave no half virtual environment', async () => {
  const ctx = await testContext()
  const env = await wheels()
  const target = await checkoutWith(ctx, '1', { 'requirements.txt': 'no-such-package==1\n' }, env)
  await expect(build(ctx, target)).rejects.toMatchObject({
    code: 'failed',
    message: expect.stringContaining('pip install -r requirements.txt` ended with status 1'),
    output: expect.arrayContaining([expect.stringContaining('no-such-package')]),
  })
  expect((await readdir(ctx.paths.venvs)).filter((name) => !name.endsWith('.lock'))).toEqual([])
})

test('an app that is installed itself has a virtual environment of its own', async () => {
  const ctx = await testContext()
  const env = await wheels('greet')
  const target = await checkoutWith(
    ctx,
    '1',
    {
      'requirements.txt': 'greet\n',
      'setup.py': 'from setuptools import setup\nsetup(name="app", version="1", py_modules=["app"])\n',
      'app.py': 'import greet\nprint(__file__)\n',
    },
    env,
  )
  const { lines } = await build(ctx, target)
  expect(lines).toContain('venv: made anew with each deploy, because the app itself is installed into it')
  expect((await lstat(join(target.path, 'venv'))).isDirectory()).toBe(true)
  // Its code stays in the checkout.
  expect(await printed(target, 'venv/bin/python', '-c', 'import app')).toBe(join(target.path, 'app.py'))
  expect(await readFile(join(target.path, 'venv/pyvenv.cfg'), 'utf8')).toContain('/usr/bin')
})

test('a host without the package python3-venv is told what to install', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', {
    'requirements.txt': '',
    // What Debian prints where python3-venv is not installed.
    'tools/python3': script(`#!/bin/sh
if [ "$1" = -c ]; then exec /usr/bin/python3 "$@"; fi
echo 'The virtual environment was not created successfully because ensurepip is not'
echo 'available.  On Debian/Ubuntu systems, you need to install the python3-venv'
exit 1
`),
  })
  const env = { PATH: `${join(target.path, 'tools')}:${ctx.baseEnv['PATH']}` }
  await expect(build(ctx, { ...target, env })).rejects.toMatchObject({
    message: 'pip: python3 on this host cannot make virtual environments',
    hint: 'run `apt-get install python3-venv` on this host',
  })
})

test('a pyproject.toml that only holds settings of tools is not installed', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', { 'pyproject.toml': '[tool.black]\nline-length = 100\n' })
  expect((await build(ctx, target)).lines).toEqual([])
})
