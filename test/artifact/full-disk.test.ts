/** Needs root, for a file system of two megabytes. */
import { spawnSync } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { packTree } from '../../src/artifact/pack.ts'
import { unpackArchive } from '../../src/artifact/unpack.ts'
import { temporaryDirectory } from '../support/context.ts'

/** A directory with two megabytes of room; undefined where none can be mounted. */
async function smallDisk(): Promise<string | undefined> {
  const disk = await temporaryDirectory()
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk])
  if (mounted.status !== 0) return undefined
  onTestFinished(() => void spawnSync('umount', ['-l', disk]))
  return disk
}

test('a disk that gets full while an archive is made or unpacked holds nothing of it afterwards', async (context) => {
  const disk = await smallDisk()
  if (disk === undefined) {
    context.skip('mount(8) is not allowed here')
    return
  }
  const from = await temporaryDirectory()
  await writeFile(
    join(from, 'large'),
    Uint8Array.from({ length: 4_000_000 }, (_, at) => (at * at) >> 7),
  )
  const full = { code: 'failed', message: 'the disk is full' }
  for (const format of ['tar', 'zip'] as const) {
    const file = join(await temporaryDirectory(), 'a')
    await packTree(from, file, format)
    await expect(unpackArchive(file, join(disk, 'to'))).rejects.toMatchObject(full)
    expect(await readdir(join(disk, 'to'))).toEqual([])
    await expect(packTree(from, join(disk, 'a'), 'tar')).rejects.toMatchObject(full)
    expect(await readdir(disk)).toEqual(['to'])
  }
})
