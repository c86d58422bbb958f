import { execFile } from 'node:child_process'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { cleanCache } from '../../src/artifact/cache.ts'
import { readInfo, verifyFiles } from '../../src/artifact/info.ts'
import { lockedApp, servePackages } from '../build/registry.ts'
import { createApp, type App } from '../support/app.ts'
import { temporaryDirectory, testContext } from '../support/context.ts'
import { build, unpacked } from './support.ts'

const run = promisify(execFile)
const script = (content: string): { content: string; mode: number } => ({
  content: `#!/bin/sh\nset -e\n${content}\n`,
  mode: 0o755,
})

/** Part of a script that notes that it has run, and checks what it was told. */
const note = (name: string): string =>
  `echo ${name} >> "$SCRATCHPAD/order"; test "$PWD" = "$SOURCE_DIR"; test "$DATA_DIR" = "$HERE/data"`

/** Sources that `npm run build` makes something of, with a package from a registry. */
async function nodeApp(): Promise<App> {
  const packages = await servePackages({ dependency: { 'index.js': 'module.exports = 1' } })
  return createApp({
    ...lockedApp(packages, {}, { build: 'mkdir -p public && echo built > public/page' }),
    'server.js': 'require("dependency")\n',
    'deploy/compat': '4\n',
  })
}

test('an artifact of a Node app holds what is built and installed, and nothing of the working tree', async () => {
  const ctx = await testContext()
  const app = await nodeApp()
  await app.git('tag', 'v1.2.0')
  await writeFile(join(app.dir, 'leftover'), 'not committed')
  await writeFile(join(app.dir, 'server.js'), 'changed, not committed')
  const { path, info } = await build(ctx, app.dir)
  const commit = (await app.git('rev-parse', 'HEAD')).stdout
  expect(path.endsWith(`/app-1.2.0-linux-${process.arch === 'x64' ? 'x86_64' : 'aarch64'}.tar.gz`)).toBe(true)
  expect(info).toMatchObject({
    name: 'app',
    version: '1.2.0',
    commit,
    branch: 'main',
    tag: 'v1.2.0',
    message: 'first',
    compat: 4,
  })
  expect(info.builders['npm']).toMatch(/^v\d+\.\d+\.\d+-\w+-linux-\w+-[0-9a-f]{32}$/)
  const directory = await unpacked({ path, info, size: 0, sha256: '' })
  expect((await readdir(directory)).toSorted()).toEqual([
    'PACKAGE',
    'PLATFORM',
    'VERSION',
    'data',
    'info.json',
    'install.sh',
  ])
  expect(await readFile(join(directory, 'VERSION'), 'utf8')).toBe('1.2.0\n')
  expect((await readdir(join(directory, 'data/app'))).toSorted()).toEqual([
    'deploy',
    'node_modules',
    'package-lock.json',
    'package.json',
    'public',
    'server.js',
  ])
  await run(process.execPath, ['server.js'], { cwd: join(directory, 'data/app') })
  expect(await readInfo(directory)).toEqual(info)
  await verifyFiles(directory, info)
})

test('two builds of a commit are the same bytes, also without the caches, and by another clone', async () => {
  const ctx = await testContext()
  const app = await nodeApp()
  const first = await build(ctx, app.dir)
  expect((await build(ctx, app.dir)).sha256).toBe(first.sha256)
  await rm(ctx.paths.cache, { recursive: true })
  const clone = join(await temporaryDirectory(), 'another')
  await app.git('clone', '-q', app.dir, clone)
  expect((await build(ctx, clone)).sha256).toBe(first.sha256)
})

test('a build without downloads has what a former one has downloaded, and no more', async () => {
  const ctx = await testContext()
  const app = await nodeApp()
  await expect(build(ctx, app.dir, { download: false })).rejects.toMatchObject({ code: 'failed' })
  const first = await build(ctx, app.dir)
  const second = await build(ctx, app.dir, { download: false })
  expect(second.sha256).toBe(first.sha256)
})

test("the project's scripts take the builders' place, in order, and are told where things are", async () => {
  const ctx = await testContext()
  const app = await createApp({
    'package.json': JSON.stringify({ name: '@org/shop', scripts: { build: 'false' } }),
    'scripts/build.sh': script(
      `${note('build')}; echo built > built; git rev-parse HEAD 2>/dev/null && exit 1; true`,
    ),
    'scripts/test.sh': script(`${note('test')}; test -e built`),
    'scripts/dist.sh': {
      content: `${note('dist')}; cp built "$DIST_DIR/"; mkdir "$DIST_DIR/sub"\n`,
      mode: 0o644,
    },
    'before.sh': script(`${note('before')}; test ! -e built`),
  })
  const beside = await temporaryDirectory()
  await writeFile(
    join(beside, 'after.sh'),
    `${note('after')}; cp "$SCRATCHPAD/order" "$DATA_DIR/"; echo 'echo "added to $PACKAGE"' >> "$INSTALL_SCRIPT"\n`,
  )
  const built = await build(ctx, app.dir, {
    cwd: beside,
    output: 'out',
    version: '7',
    prebuildScript: 'before.sh',
    postbuildScript: 'after.sh',
  })
  expect(built.path.startsWith(join(beside, 'out', 'org-shop-7-'))).toBe(true)
  const directory = await unpacked(built)
  expect(await readFile(join(directory, 'data/order'), 'utf8')).toBe('before\nbuild\ntest\ndist\nafter\n')
  expect((await readdir(join(directory, 'data/app'))).toSorted()).toEqual(['built', 'sub'])
  const installed = await run(join(directory, 'install.sh'), [join(beside, 'installed')])
  expect(installed.stdout).toBe(`org-shop 7 is in ${join(beside, 'installed')}\nadded to org-shop\n`)
})

test('an archive that dist.sh makes is unpacked into the artifact', async () => {
  const ctx = await testContext()
  const app = await createApp({
    'src/main.js': 'main()',
    'dist/old.tar.gz': 'from before, and committed',
    'scripts/dist.sh': script('mkdir app; cp src/main.js app; tar -czf dist/app.tar.gz app'),
  })
  const directory = await unpacked(await build(ctx, app.dir))
  expect(await readdir(join(directory, 'data/app'))).toEqual(['main.js'])
})

test('a script that fails fails the build, with its last lines, and leaves no artifact', async () => {
  const ctx = await testContext()
  const output = await temporaryDirectory()
  const app = await createApp({ 'scripts/test.sh': script('echo 1 of 2 tests failed; exit 3') })
  await expect(build(ctx, app.dir, { output })).rejects.toMatchObject({
    code: 'failed',
    message: 'scripts/test.sh: `./scripts/test.sh` ended with status 3',
    output: ['1 of 2 tests failed'],
  })
  expect(await readdir(output)).toEqual([])
  expect(await readdir(join(ctx.paths.artifactCache, 'work'))).toEqual([expect.stringMatching(/\.lock$/)])
})

test('any revision can be built: a branch, a tag, a commit; one that is not there is named', async () => {
  const ctx = await testContext()
  const app = await createApp({ file: '1' })
  await app.git('tag', '-a', 'v1', '-m', 'the first')
  const second = await app.commit({ file: '2' })
  await app.git('branch', 'side')
  await app.commit({ file: '3' })
  const one = await build(ctx, app.dir, { rev: 'v1' })
  expect(one.info).toMatchObject({ version: '1', tag: 'v1' })
  expect(one.info.branch).toBeUndefined()
  expect(await readFile(join(await unpacked(one), 'data/app/file'), 'utf8')).toBe('1')
  const two = await build(ctx, app.dir, { rev: 'side', format: 'zip' })
  expect(two.info).toMatchObject({ branch: 'side', commit: second })
  expect(two.info.version).toMatch(/^\d{8}_\d{6}-[0-9a-f]{11}$/)
  expect((await build(ctx, app.dir, { rev: second.slice(0, 9) })).info.commit).toBe(second)
  await expect(build(ctx, app.dir, { rev: '--output=x' })).rejects.toMatchObject({
    message: 'there is no revision "--output=x"',
  })
  await expect(build(ctx, await temporaryDirectory())).rejects.toMatchObject({
    code: 'usage',
    message: 'the directory is no git repository',
  })
  await expect(build(ctx, 'no-such-directory')).rejects.toMatchObject({ code: 'usage' })
})

test('a repository behind a URL is fetched, the second time what is new, and not at all without downloads', async () => {
  const ctx = await testContext()
  const app = await createApp({ file: '1' })
  const url = `file://${app.dir}`
  await expect(build(ctx, url, { download: false })).rejects.toMatchObject({
    message: `${url} has not been fetched yet, and --no-download forbids it`,
  })
  expect((await build(ctx, url)).info).toMatchObject({ branch: 'main', message: 'first' })
  const commit = await app.commit({ file: '2' }, 'second')
  expect((await build(ctx, url, { download: false })).info.message).toBe('first')
  expect((await build(ctx, url)).info).toMatchObject({ commit, message: 'second' })
  expect(await cleanCache(ctx)).toBeGreaterThan(0)
  await expect(build(ctx, url, { download: false })).rejects.toMatchObject({ code: 'failed' })
})

test('a directory of a repository is a project of its own', async () => {
  const ctx = await testContext()
  const app = await createApp({ 'web/index.html': 'hello', 'api/server.js': '' })
  const { path, info, ...packed } = await build(ctx, join(app.dir, 'web'), { version: '1', format: 'dir' })
  expect(info.name).toBe('web')
  expect(await readFile(join(path, 'data/app/index.html'), 'utf8')).toBe('hello')
  expect(await readdir(join(path, 'data/app'))).toEqual(['index.html'])
  expect(packed.sha256).toMatch(/^[0-9a-f]{64}$/)
})
