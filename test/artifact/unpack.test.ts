import { execFile } from 'node:child_process'
import {
  chmod,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { packTree } from '../../src/artifact/pack.ts'
import { unpackArchive } from '../../src/artifact/unpack.ts'
import { temporaryDirectory } from '../support/context.ts'
import { tarWith, zipWith, type TarEntry, type ZipEntry } from './archives.ts'

const run = promisify(execFile)

/** Unpacks beside a file that nothing may touch. Returns what was thrown, and what is left in both places. */
async function refusal(file: string, limits?: { bytes: number; files: number }): Promise<unknown> {
  const around = await temporaryDirectory()
  await writeFile(join(around, 'outside'), 'untouched')
  const to = join(around, 'to')
  const error: unknown = await unpackArchive(file, to, limits).then(
    () => 'nothing was refused',
    (thrown: unknown) => thrown,
  )
  expect(await readdir(around)).toEqual(['outside', 'to'])
  expect(await readdir(to)).toEqual([])
  expect(await readFile(join(around, 'outside'), 'utf8')).toBe('untouched')
  return error
}

const refused = (name: string, why: string): object => ({
  code: 'failed',
  message: `the archive is refused: ${JSON.stringify(name)} ${why}`,
})

const unsafeTars: [what: string, entries: TarEntry[], name: string, why: string][] = [
  ['an absolute path', [{ name: '/tmp/x', content: 'x' }], '/tmp/x', 'has an absolute path'],
  ['a path that climbs out', [{ name: '../outside', content: 'x' }], '../outside', 'has `..` in its path'],
  ['a path that climbs and stays', [{ name: 'a/../b', content: 'x' }], 'a/../b', 'has `..` in its path'],
  ['a device', [{ name: 'null', type: 'character-device', devmajor: 1, devminor: 3 }], 'null', 'is a device'],
  ['a disk', [{ name: 'sda', type: 'block-device', devmajor: 8 }], 'sda', 'is a device'],
  ['a named pipe', [{ name: 'pipe', type: 'fifo' }], 'pipe', 'is a named pipe'],
  [
    'a link to an absolute path',
    [{ name: 'l', type: 'symlink', linkname: '/etc/passwd' }],
    'l',
    'is a link to /etc/passwd, an absolute path',
  ],
  [
    'a link that leaves the tree',
    [{ name: 'd/l', type: 'symlink', linkname: '../../outside' }],
    'd/l',
    'is a link that leaves the tree: ../../outside',
  ],
  [
    'a link that leaves the tree over another one',
    [
      { name: 'a/b/c', type: 'symlink', linkname: '../..' },
      { name: 'l', type: 'symlink', linkname: 'a/b/c/../outside' },
    ],
    'l',
    'is a link that leaves the tree: a/b/c/../outside',
  ],
  [
    'links in circles',
    [
      { name: 'a', type: 'symlink', linkname: 'b' },
      { name: 'b', type: 'symlink', linkname: 'a' },
    ],
    'a',
    'is a link that leads round in circles',
  ],
  [
    'a file behind a link',
    [
      { name: 'l', type: 'symlink', linkname: '.' },
      { name: 'l/outside', content: 'x' },
    ],
    'l/outside',
    'lies behind the link l',
  ],
  [
    'a file in the place of a link',
    [
      { name: 'l', type: 'symlink', linkname: 'f' },
      { name: 'l', content: 'x' },
    ],
    'l',
    'is in it twice',
  ],
  [
    'a name that is there twice',
    [
      { name: 'f', content: 'x' },
      { name: './f', content: 'y' },
    ],
    './f',
    'is in it twice',
  ],
  [
    'a file below a file',
    [
      { name: 'f', content: 'x' },
      { name: 'f/g', content: 'y' },
    ],
    'f/g',
    'lies below the file f',
  ],
  [
    'a hard link to a file outside',
    [{ name: 'l', type: 'link', linkname: '../outside' }],
    'l',
    'is a link to ../outside, which is no file of the archive before it',
  ],
  [
    'a hard link to a link',
    [
      { name: 's', type: 'symlink', linkname: 'f' },
      { name: 'l', type: 'link', linkname: 's' },
    ],
    'l',
    'is a link to s, which is no file of the archive before it',
  ],
]

test.each(unsafeTars)('a tar with %s is refused whole', async (_what, entries, name, why) => {
  const file = await tarWith([{ name: 'before', content: 'x' }, ...entries])
  expect(await refusal(file)).toMatchObject(refused(name, why))
})

const unsafeZips: [what: string, entries: ZipEntry[], name: string, why: string][] = [
  ['an absolute path', [{ name: '/tmp/x' }], '/tmp/x', 'has an absolute path'],
  ['a path that climbs out', [{ name: '../outside' }], '../outside', 'has a path that is not safe'],
  ['a named pipe', [{ name: 'p', mode: 0o010644 }], 'p', 'is neither a file nor a directory nor a link'],
  ['a device', [{ name: 'd', mode: 0o020644 }], 'd', 'is neither a file nor a directory nor a link'],
  [
    'a link that leaves the tree',
    [{ name: 'l', mode: 0o120777, content: '../outside' }],
    'l',
    'is a link that leaves the tree: ../outside',
  ],
  [
    'a file behind a link',
    [{ name: 'l', mode: 0o120777, content: '..' }, { name: 'l/outside' }],
    'l/outside',
    'lies behind the link l',
  ],
  ['a name that is there twice', [{ name: 'f' }, { name: 'f' }], 'f', 'is in it twice'],
]

test.each(unsafeZips)('a zip with %s is refused whole', async (_what, entries, name, why) => {
  const file = await zipWith([{ name: 'before', content: 'x' }, ...entries])
  expect(await refusal(file)).toMatchObject(refused(name, why))
})

test('more bytes than allowed are refused while they come, compressed or not', async () => {
  const from = await temporaryDirectory()
  await writeFile(join(from, 'zeros'), Buffer.alloc(2_000_000))
  for (const format of ['tar', 'tar.gz', 'tar.bz2', 'zip'] as const) {
    const file = join(await temporaryDirectory(), 'a')
    await packTree(from, file, format)
    expect(await refusal(file, { bytes: 1_999_999, files: 10 })).toMatchObject(
      refused('zeros', 'takes the archive over 1999999 bytes unpacked'),
    )
    await unpackArchive(file, join(await temporaryDirectory(), 'to'), { bytes: 2_000_000, files: 10 })
  }
})

test('more entries than allowed are refused', async () => {
  const entries = ['a', 'b', 'c'].map((name) => ({ name, content: '' }))
  const limits = { bytes: 1000, files: 2 }
  for (const file of [await tarWith(entries), await zipWith(entries)]) {
    expect(await refusal(file, limits)).toMatchObject(refused('c', 'is entry 3; at most 2 are allowed'))
  }
})

test('set-id bits and the right of others to write are dropped', async () => {
  const modes = { 'set-id': 0o6777, sticky: 0o1644, private: 0o600, none: 0o000 }
  const names = Object.entries(modes)
  const files = [
    await tarWith(names.map(([name, mode]) => ({ name, mode: mode || 0o4000, content: 'x' }))),
    await zipWith(names.map(([name, mode]) => ({ name, mode: 0o100000 | (mode || 0o4000), content: 'x' }))),
  ]
  for (const file of files) {
    const to = join(await temporaryDirectory(), 'to')
    await unpackArchive(file, to)
    const found = await Promise.all(
      names.map(async ([name]) => [name, (await lstat(join(to, name))).mode & 0o7777] as const),
    )
    expect(Object.fromEntries(found)).toEqual({ 'set-id': 0o755, sticky: 0o644, private: 0o600, none: 0o600 })
  }
})

test('links that stay in the tree are made, whichever way they go', async () => {
  const to = join(await temporaryDirectory(), 'to')
  const links = {
    'a/up': '../f',
    'a/b/over': '../up',
    here: '.',
    'a/b/round': '../../a/b/../../f',
    none: 'nowhere',
  }
  const file = await tarWith([
    ...Object.entries(links).map(([name, linkname]) => ({ name, linkname, type: 'symlink' as const })),
    { name: 'f', content: 'x' },
    { name: 'g', type: 'link', linkname: './f' },
  ])
  await unpackArchive(file, to)
  for (const [name, target] of Object.entries(links)) expect(await readlink(join(to, name))).toBe(target)
  expect(await readFile(join(to, 'a/b/over'), 'utf8')).toBe('x')
  expect(await readFile(join(to, 'g'), 'utf8')).toBe('x')
})

test.each([
  ['tar', '-cf'],
  ['tar.gz', '-czf'],
  ['tar.bz2', '-cjf'],
])('what tar(1) packs is unpacked: %s', async (_format, option) => {
  const from = await temporaryDirectory()
  const deep = join(from, 'n'.repeat(150), 'm'.repeat(150))
  await mkdir(deep, { recursive: true })
  await writeFile(join(deep, 'file'), 'deep')
  await link(join(deep, 'file'), join(from, 'hard'))
  await symlink('hard', join(from, 'soft'))
  const file = join(await temporaryDirectory(), 'a')
  for (const kind of ['gnu', 'pax', 'ustar']) {
    if (kind === 'ustar') await run('rm', ['-r', join(from, 'n'.repeat(150)), join(from, 'hard')])
    await run('tar', [option, file, `--format=${kind}`, '-C', from, '.'])
    const to = join(await temporaryDirectory(), 'to')
    await unpackArchive(file, to)
    expect((await run('diff', ['-r', '--no-dereference', from, to])).stdout).toBe('')
  }
})

test("what Python's zipfile packs is unpacked", async () => {
  const from = await temporaryDirectory()
  await mkdir(join(from, 'd'))
  await writeFile(join(from, 'd', 'file'), 'x'.repeat(10_000))
  await writeFile(join(from, 'run'), '#!/bin/sh\n')
  await chmod(join(from, 'run'), 0o755)
  const file = join(await temporaryDirectory(), 'a.zip')
  await run('python3', ['-m', 'zipfile', '-c', file, 'd', 'run'], { cwd: from })
  const to = join(await temporaryDirectory(), 'to')
  await unpackArchive(file, to)
  await run('diff', ['-r', from, to])
  expect((await lstat(join(to, 'run'))).mode & 0o777).toBe(0o755)
})

test('an archive that is cut off anywhere leaves nothing, and says that it is damaged', async () => {
  const from = await temporaryDirectory()
  await writeFile(
    join(from, 'file'),
    Uint8Array.from({ length: 100_000 }, (_, at) => (at * at) >> 7),
  )
  for (const format of ['tar', 'tar.gz', 'tar.bz2', 'zip'] as const) {
    const file = join(await temporaryDirectory(), 'a')
    const { size } = await packTree(from, file, format)
    await truncate(file, Math.floor(size / 2))
    expect(await refusal(file)).toMatchObject({ code: 'failed', hint: expect.stringMatching(/./) })
  }
})

test('a zip whose content is not what its checksum says is refused', async () => {
  const file = await zipWith([{ name: 'f', content: 'altered', crc: 1 }])
  expect(await refusal(file)).toMatchObject({ message: 'the archive is damaged: "f" is not what was packed' })
})

test('what is no archive is named, with what can be read', async () => {
  const file = join(await temporaryDirectory(), 'page.html')
  await writeFile(file, '<html>404</html>')
  await expect(unpackArchive(file, join(await temporaryDirectory(), 'to'))).rejects.toMatchObject({
    code: 'failed',
    message: 'page.html is no archive that pypaas can read',
    hint: 'tar, tar.gz, tar.bz2 and zip can be read',
  })
})

test('a directory that holds something is left alone', async () => {
  const to = await temporaryDirectory()
  await writeFile(join(to, 'mine'), 'x')
  const file = await tarWith([{ name: 'f', content: 'x' }])
  await expect(unpackArchive(file, to)).rejects.toMatchObject({
    message: 'cannot unpack made.tar: the directory is not empty',
  })
  expect(await readdir(to)).toEqual(['mine'])
})

test('an unpacking that is cancelled leaves nothing', async () => {
  const from = await temporaryDirectory()
  await writeFile(join(from, 'file'), 'x')
  for (const format of ['tar.gz', 'tar.bz2', 'zip'] as const) {
    const file = join(await temporaryDirectory(), 'a')
    await packTree(from, file, format)
    const to = join(await temporaryDirectory(), 'to')
    const unpacking = unpackArchive(file, to, undefined, AbortSignal.abort())
    await expect(unpacking).rejects.toMatchObject({ code: 'cancelled' })
    expect(await readdir(to)).toEqual([])
  }
})

const top = (name: string): TarEntry => ({ name: `app-1/${name}`, content: '{}' })

test('the top directory of an artifact is left out, that of another archive is not', async () => {
  const to = join(await temporaryDirectory(), 'to')
  await unpackArchive(await tarWith(['info.json', 'PACKAGE', 'VERSION', 'app-1'].map(top)), to)
  expect((await readdir(to)).toSorted()).toEqual(['PACKAGE', 'VERSION', 'app-1', 'info.json'])
  const other = join(await temporaryDirectory(), 'to')
  await unpackArchive(await tarWith(['info.json'].map(top)), other)
  expect(await readdir(other)).toEqual(['app-1'])
})
