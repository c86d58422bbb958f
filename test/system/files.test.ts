import { chmod, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { ownerOfTemporary, replaceFile, temporaryBeside } from '../../src/system/files.ts'
import { temporaryDirectory } from '../support/context.ts'

test('a temporary name is hidden beside its target and tells whose it is', () => {
  const path = temporaryBeside('/home/deploy/ports.yml')
  expect(path).toMatch(/^\/home\/deploy\/\.ports\.yml\.\d+\.[0-9a-f]{12}$/)
  expect(ownerOfTemporary(basename(path))).toBe(process.pid)
})

test('other names have no owner', () => {
  for (const name of ['ports.yml', '.hidden', '.web.1.2', 'web.12.0123456789ab', '.1.0123456789ab']) {
    expect(ownerOfTemporary(name), name).toBeUndefined()
  }
})

test('a file is replaced with its mode, and nothing is left beside it', async () => {
  const directory = await temporaryDirectory()
  const path = join(directory, 'below', 'secret')
  await replaceFile(path, 'one', 0o600)
  await chmod(path, 0o644)
  await replaceFile(path, 'two', 0o600)
  expect(await readFile(path, 'utf8')).toBe('two')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await readdir(join(directory, 'below'))).toEqual(['secret'])
})

test('where a link stands, what it points at is replaced', async () => {
  const directory = await temporaryDirectory()
  await writeFile(join(directory, 'elsewhere'), 'old')
  await symlink('elsewhere', join(directory, 'link'))
  await replaceFile(join(directory, 'link'), 'new')
  expect(await readlink(join(directory, 'link'))).toBe('elsewhere')
  expect(await readFile(join(directory, 'elsewhere'), 'utf8')).toBe('new')
})

test('a replacement that fails leaves the target, and nothing beside it', async () => {
  const directory = await temporaryDirectory()
  await mkdir(join(directory, 'taken'))
  await expect(replaceFile(join(directory, 'taken'), 'text')).rejects.toThrow('EISDIR')
  expect(await readdir(directory)).toEqual(['taken'])
})
