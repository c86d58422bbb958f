/** The host fails a deploy: a full disk, a directory that may not be written, too many open files, no port. */
import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { domainWith } from '../support/apps.ts'
import { temporaryDirectory } from '../support/context.ts'
import { createHost } from '../support/host.ts'
import { DOMAIN, repoWith, answering, SOON } from '../support/web.ts'
import { expectServed, faultSite, MAIN, type FaultSite } from './site.ts'
import { restingShape, shapeOf } from './shape.ts'

const FROM = 'run/unfinished'

/** Pushes with a fault at some of the calls; the push tells the reason, or has succeeded in spite of it. */
async function failAt(
  site: FaultSite,
  errno: string,
  { reason, hint }: { readonly reason: string; readonly hint: string },
  lasting: boolean,
): Promise<number> {
  const count = join(await temporaryDirectory(), 'count')
  expect(await site.push('counted', { from: FROM, count })).toMatchObject({ status: 0 })
  await site.recovered()
  const total = Number(await readFile(count, 'utf8'))
  let present = 'counted'
  let refused = 0
  for (let call = 1; call <= total; call += Math.ceil(total / 6)) {
    const text = `${errno} ${call}`
    const { status, stderr } = await site.push(text, { from: FROM, call, errno, lasting })
    const at = `call ${call} of ${total}: ${stderr}`
    if (status === 0) present = text
    else refused++
    expect(await site.live(), at).toBe(present)
    const told = stderr.includes(reason) && stderr.includes(hint)
    expect(status === 0 || told, at).toBe(true)
    await site.recovered()
    expect(await site.live(), at).toBe(present)
  }
  return refused
}

test(
  'a disk that is full from some call on refuses a push before SWITCH, and never harms what is live',
  { timeout: 240_000 },
  async () => {
    const site = await faultSite()
    const told = { reason: 'the disk is full', hint: 'make room' }
    expect(await failAt(site, 'ENOSPC', told, true)).toBeGreaterThan(2)
    await expectServed(site)
    expect(await site.host.stop()).toEqual([])
  },
)

test('what may not be written is named, and what is live is untouched', { timeout: 240_000 }, async () => {
  const site = await faultSite()
  const told = { reason: 'permission denied', hint: 'the user that pypaas runs as must own this' }
  expect(await failAt(site, 'EACCES', told, false)).toBeGreaterThan(0)
  await expectServed(site)
  expect(await site.host.stop()).toEqual([])
})

test('too many open files fail one deploy and no other', { timeout: 240_000 }, async () => {
  const site = await faultSite()
  const told = { reason: 'too many open files', hint: 'raise the limit' }
  expect(await failAt(site, 'EMFILE', told, false)).toBeGreaterThan(0)
  // Of what is cleared away when all is over, nothing is a reason to say that a deploy has failed.
  expect(await site.push('last', { from: '.cancel', call: 1, errno: 'EMFILE' })).toMatchObject({ status: 0 })
  expect(await site.live()).toBe('last')
  await site.recovered()
  await expectServed(site)
  expect(await site.host.stop()).toEqual([])
})

test('a push for which no port is left says so, and leaves all as it was', async () => {
  const site = await faultSite()
  const { host, push, live, recovered } = site
  const { min } = host.ports
  const taken = (await readFile(host.paths.ports, 'utf8')).match(/^\d+/m)?.[0]
  const main = await readFile(join(host.home, 'config/pypaas.yml'), 'utf8')
  const only = `  min: ${taken}\n  max: ${taken}\n`
  await host.configure('pypaas.yml', main.replace(/ {2}min: \d+\n {2}max: \d+\n/, only))
  const { status, stderr } = await push('second')
  expect(status).not.toBe(0)
  expect(stderr).toContain('no ports left for web main, which needs 1')
  expect(stderr).toContain('widen `ports` in pypaas.yml')
  expect(min).toBeLessThanOrEqual(Number(taken))
  await recovered()
  expect(await live()).toBe('first')
  expect(await host.stop()).toEqual([])
})

const mounting = process.getuid?.() === 0

/** A host whose home is a file system of its own (tmpfs(5)), with an app that answers `one`. */
async function hostOnDisk(options: string, skip: (why: string) => void) {
  const home = await temporaryDirectory()
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', home])
  if (mounted.status !== 0) skip(`nothing can be mounted: ${String(mounted.stderr)}`)
  onTestFinished(() => void spawnSync('umount', ['-l', home]))
  const host = await createHost({ disk: { min_free: '1KiB' }, releases: { keep: 1 } }, home)
  await host.configure('repos/web.yml', repoWith())
  await host.configure(`domains/${DOMAIN}.yml`, domainWith('web'))
  await host.serve()
  const app = await host.app({ 'server.mjs': answering('one') })
  const push = async () => app.git('push', host.url('web'), 'main')
  expect(await push()).toMatchObject({ status: 0 })
  const files = async (): Promise<readonly string[]> => (await shapeOf(host, MAIN)).files
  await restingShape(host, MAIN)
  return { host, app, push, files }
}

test.skipIf(!mounting)(
  'a build that fills a real disk is refused and undone, and the next one deploys',
  async ({ skip }) => {
    const { host, app, push, files } = await hostOnDisk('size=48m', skip)
    const before = await files()
    await host.configure('repos/web.yml', repoWith({ hooks: { build: 'cat /dev/zero >filler || true' } }))
    await app.commit({ 'server.mjs': answering('two') })
    const { status, stderr } = await push()
    expect(status).not.toBe(0)
    expect(stderr).toContain('the disk is full')
    expect(stderr).toContain('make room')
    expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
    await expect.poll(files, SOON).toEqual(before)
    await host.configure('repos/web.yml', repoWith())
    expect(await push()).toMatchObject({ status: 0 })
    expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
    expect(await host.stop()).toEqual([])
  },
)

test.skipIf(!mounting)(
  'a disk that has room for bytes but not for files refuses a push before its build, or undoes it',
  async ({ skip }) => {
    const { host, app, push, files } = await hostOnDisk('size=256m,nr_inodes=4k', skip)
    const before = await files()
    const filler = join(host.home, 'logs', 'filler')
    /** Leaves room for so many files. */
    const leave = async (room: number): Promise<void> => {
      await rm(filler, { recursive: true, force: true })
      await mkdir(filler)
      const { ffree } = await statfs(filler)
      for (let made = room; made < ffree; made++) await writeFile(join(filler, String(made)), '')
    }
    const refused = async (...words: string[]): Promise<void> => {
      const { status, stderr } = await push()
      expect(status).not.toBe(0)
      for (const word of words) expect(stderr).toContain(word)
      expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
      await expect.poll(files, SOON).toEqual(before)
    }
    const build = `touch '${join(host.home, 'logs', 'built')}'; i=0; while : >"file-$i"; do i=$((i + 1)); done`
    await host.configure('repos/web.yml', repoWith({ hooks: { build } }))
    await app.commit({ 'server.mjs': answering('two') })
    await leave(900)
    await refused('more files fit on the disk of', '`df -i` shows them')
    expect(await readdir(join(host.home, 'logs'))).not.toContain('built')

    await leave(1500)
    await refused('No space left on device', 'the disk is full: make room')
    expect(await readdir(join(host.home, 'logs'))).toContain('built')

    await host.configure('repos/web.yml', repoWith({ hooks: { build: `(${build}) || true` } }))
    await refused('the disk is full', 'make room', '`df -i` what is left')

    await host.configure('repos/web.yml', repoWith())
    await rm(filler, { recursive: true })
    expect(await push()).toMatchObject({ status: 0 })
    expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
    expect(await host.stop()).toEqual([])
  },
)
