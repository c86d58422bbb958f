import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { FORMATS, type ArchiveFormat } from '../../src/artifact/format.ts'
import { packTree } from '../../src/artifact/pack.ts'
import { unpackArchive } from '../../src/artifact/unpack.ts'
import { temporaryDirectory } from '../support/context.ts'

const run = promisify(execFile)
const ARCHIVES = FORMATS.filter((format): format is ArchiveFormat => format !== 'dir')
const MTIME = new Date('2026-05-04T03:02:02Z')

/** A tree with something of everything; the times and modes of its files differ from call to call. */
async function tree(): Promise<string> {
  const root = await temporaryDirectory()
  const long = join(root, 'd'.repeat(120), 'é'.repeat(100))
  await mkdir(long, { recursive: true })
  await mkdir(join(root, 'empty'))
  await writeFile(join(long, 'naïve'), 'deep')
  await writeFile(join(root, 'nothing'), '')
  // Larger than what is read at once.
  await writeFile(
    join(root, 'large'),
    Uint8Array.from({ length: 1_200_000 }, (_, at) => (at * at) >> 7),
  )
  await writeFile(join(root, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 })
  await writeFile(join(root, 'file'), 'text', { mode: Math.random() < 0.5 ? 0o600 : 0o664 })
  await symlink('../run.sh', join(root, 'empty', 'link'))
  await symlink('nowhere', join(root, 'dangling'))
  await utimes(join(root, 'file'), new Date(), new Date(Math.random() * 1e12))
  return root
}

test.each(ARCHIVES)('a tree comes out of a %s as it went in', async (format) => {
  const from = await tree()
  const directory = await temporaryDirectory()
  const file = join(directory, `a.${format}`)
  const packed = await packTree(from, file, format, { mtime: MTIME })
  const content = await readFile(file)
  expect(packed).toEqual({
    size: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
  })
  const to = join(directory, 'to')
  await unpackArchive(file, to)
  await run('diff', ['-r', '--no-dereference', from, to])
  expect((await stat(join(to, 'run.sh'))).mode & 0o7777).toBe(0o755)
  expect((await stat(join(to, 'file'))).mode & 0o7777).toBe(0o644)
  expect((await stat(join(to, 'large'))).mtime).toEqual(MTIME)
})

test.each(FORMATS)(
  'the same tree gives the same bytes, whenever and by whomever it was made: %s',
  async (format) => {
    const directory = await temporaryDirectory()
    const first = await packTree(await tree(), join(directory, '1'), format, { mtime: MTIME })
    const timeZone = process.env['TZ']
    onTestFinished(() => {
      if (timeZone === undefined) delete process.env['TZ']
      else process.env['TZ'] = timeZone
    })
    process.env['TZ'] = 'Asia/Tokyo'
    expect(await packTree(await tree(), join(directory, '2'), format, { mtime: MTIME })).toEqual(first)
  },
)

test.each([
  ['tar.gz', ['tar', '-xzf']],
  ['tar.bz2', ['tar', '-xjf']],
  ['tar', ['tar', '-xf']],
] as const)('tar(1) unpacks a %s, with its top directory', async (format, [program, options]) => {
  const from = await tree()
  const directory = await temporaryDirectory()
  await packTree(from, join(directory, 'a'), format, { top: 'app-1' })
  await run(program, [options, 'a'], { cwd: directory })
  const { stdout } = await run('diff', ['-r', '--no-dereference', from, join(directory, 'app-1')])
  expect(stdout).toBe('')
})

test("Python's zipfile finds every file of a zip whole", async () => {
  const directory = await temporaryDirectory()
  await packTree(await tree(), join(directory, 'a.zip'), 'zip', { top: 'app-1' })
  const { stdout } = await run('python3', ['-m', 'zipfile', '-t', 'a.zip'], { cwd: directory })
  expect(stdout).toBe('Done testing\n')
})

test('what cannot be packed leaves nothing, and is named', async () => {
  const from = await tree()
  const server = createServer().listen(join(from, 'socket'))
  onTestFinished(() => void server.close())
  await expect.poll(() => readdir(from)).toContain('socket')
  const directory = await temporaryDirectory()
  await expect(packTree(from, join(directory, 'a.tar'), 'tar')).rejects.toMatchObject({
    code: 'failed',
    message: 'socket is neither a file nor a directory nor a symbolic link',
  })
  expect(await readdir(directory)).toEqual([])
})

test.each(ARCHIVES)('a %s that is cancelled leaves nothing', async (format) => {
  const from = await tree()
  const directory = await temporaryDirectory()
  const packing = packTree(from, join(directory, 'a'), format, { signal: AbortSignal.abort() })
  await expect(packing).rejects.toMatchObject({ code: 'cancelled' })
  expect(await readdir(directory)).toEqual([])
})
