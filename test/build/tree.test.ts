import {
  appendFile,
  chmod,
  link,
  lstat,
  mkdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { keep, place, separate } from '../../src/build/tree.ts'
import { temporaryDirectory } from '../support/context.ts'
import { script, writeFiles } from './support.ts'

const { signal } = new AbortController()

/** A small node_modules, installed and kept. */
async function keptTree() {
  const root = await temporaryDirectory()
  const installed = join(root, 'installed')
  const kept = join(root, 'kept')
  await writeFiles(installed, {
    '.package-lock.json': '{"packages":{}}',
    '.generated/client.js': 'made by an install script\n',
    'a/index.js': 'module.exports = 1\n',
    'a/cli.js': script('#!/usr/bin/env node\n'),
    'a/node_modules/b/index.js': 'module.exports = 2\n',
  })
  await mkdir(join(installed, 'a/empty'))
  await mkdir(join(installed, '.bin'))
  await symlink('../a/cli.js', join(installed, '.bin/a'))
  const manifest = await keep(installed, kept, signal)
  return { root, installed, kept, manifest, to: (name: string) => join(root, name) }
}

async function mode(path: string): Promise<string> {
  return ((await lstat(path)).mode & 0o777).toString(8)
}

test('a placed tree has all files, links, modes and empty directories', async () => {
  const { kept, manifest, to } = await keptTree()
  expect(await place(manifest, kept, to('placed'), 'linked', signal)).toBe(true)
  expect(await readFile(to('placed/a/node_modules/b/index.js'), 'utf8')).toBe('module.exports = 2\n')
  expect(await readlink(to('placed/.bin/a'))).toBe('../a/cli.js')
  expect((await stat(to('placed/a/empty'))).isDirectory()).toBe(true)
  expect(await mode(to('placed/a/cli.js'))).toBe('555')
})

test('linked files are one and the same, and nobody may write into them', async () => {
  const { installed, kept, manifest, to } = await keptTree()
  await place(manifest, kept, to('placed'), 'linked', signal)
  const file = 'a/index.js'
  expect((await stat(to(`placed/${file}`))).ino).toBe((await stat(join(installed, file))).ino)
  expect(await mode(to(`placed/${file}`))).toBe('444')
  expect(await mode(join(installed, file))).toBe('444')
})

test('what belongs to tools and not to a package are copies that can be written over', async () => {
  const { installed, kept, manifest, to } = await keptTree()
  await place(manifest, kept, to('placed'), 'linked', signal)
  await appendFile(to('placed/.package-lock.json'), '\n')
  await appendFile(join(installed, '.package-lock.json'), '\n')
  expect(await readFile(join(kept, '.package-lock.json'), 'utf8')).toBe('{"packages":{}}')
  expect(await mode(to('placed/.generated/client.js'))).toBe('644')
  await writeFile(to('placed/.generated/client.js'), 'generated anew\n')
  expect(await readFile(join(kept, '.generated/client.js'), 'utf8')).toBe('made by an install script\n')
})

test('copied files are private, and writable as they were installed', async () => {
  const { kept, manifest, to } = await keptTree()
  await place(manifest, kept, to('placed'), 'copied', signal)
  expect(await mode(to('placed/a/index.js'))).toBe('644')
  await writeFile(to('placed/a/index.js'), 'changed')
  expect(await readFile(join(kept, 'a/index.js'), 'utf8')).toBe('module.exports = 1\n')
})

test('a separated tree keeps its content and no longer shares it', async () => {
  const { kept, manifest, to } = await keptTree()
  await place(manifest, kept, to('placed'), 'linked', signal)
  await separate(to('placed'), signal)
  expect(await mode(to('placed/a/cli.js'))).toBe('755')
  await appendFile(to('placed/a/index.js'), '// patched\n')
  expect(await readFile(to('placed/a/index.js'), 'utf8')).toBe('module.exports = 1\n// patched\n')
  expect(await readFile(join(kept, 'a/index.js'), 'utf8')).toBe('module.exports = 1\n')
})

test.each([
  ['a missing file', (kept: string) => rm(join(kept, 'a/index.js'))],
  ['a truncated file', (kept: string) => replaceContent(join(kept, 'a/index.js'), '')],
  [
    'a file written over in place',
    (kept: string) => replaceContent(join(kept, 'a/index.js'), 'module.exports = 9\n'),
  ],
])('%s is noticed', async (_, damage) => {
  const { kept, manifest, to } = await keptTree()
  await damage(kept)
  expect(await place(manifest, kept, to('placed'), 'linked', signal)).toBe(false)
})

test('a file that belongs to a store of downloads is copied, and stays as it is', async () => {
  const root = await temporaryDirectory()
  await writeFiles(root, { 'store/x': 'x' })
  await mkdir(join(root, 'installed/a'), { recursive: true })
  await link(join(root, 'store/x'), join(root, 'installed/a/x'))
  await keep(join(root, 'installed'), join(root, 'kept'), signal)
  expect(await mode(join(root, 'store/x'))).toBe('644')
  expect((await stat(join(root, 'kept/a/x'))).ino).not.toBe((await stat(join(root, 'store/x'))).ino)
})

async function replaceContent(path: string, content: string): Promise<void> {
  await chmod(path, 0o644)
  await writeFile(path, content)
}
