/** Needs root, for a file system of half a megabyte. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryDirectory } from '../support/context.ts'
import { startFileServer } from '../support/file-server.ts'
import { packed, puller } from '../support/pull.ts'

const mounting = process.getuid?.() === 0

test.skipIf(!mounting)(
  'a disk that gets full while something is fetched or unpacked leaves what is current, and is not kept full',
  async ({ skip }) => {
    const server = await startFileServer()
    const archive = join(server.root, 'app.tar.gz')
    const disk = await temporaryDirectory()
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', disk])
    if (mounted.status !== 0) skip(`nothing can be mounted: ${String(mounted.stderr)}`)
    onTestFinished(() => void spawnSync('umount', ['-l', disk]))
    const large = randomBytes(600_000).toString('hex')
    for (const full of ['cache', 'local'] as const) {
      const at = join(disk, full)
      const host = await puller(`${server.url}/app.tar.gz`, { [full]: at })
      await packed(archive, { a: `small ${full}` })
      expect(await host.pull()).toBe('updated')
      const before = await readdir(at, { recursive: true })
      await packed(archive, { a: large })
      await expect(host.pull()).rejects.toMatchObject({
        code: 'failed',
        message: expect.stringContaining('the disk is full') as string,
        hint: expect.stringContaining('make room') as string,
      })
      expect((await readdir(at, { recursive: true })).toSorted()).toEqual(before.toSorted())
      await packed(archive, { a: `small again ${full}` })
      expect(await host.pull()).toBe('updated')
    }
  },
)
