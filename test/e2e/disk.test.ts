/** What deploys take of the disk: shared, shown, limited. */
import { rm, statfs } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { listReleases, liveRelease } from '../../src/system/state.ts'
import { lockedApp, servePackages } from '../build/registry.ts'
import { httpServer } from '../support/apps.ts'
import { tracesOf } from '../support/traces.ts'
import { answering, createSite, DOMAIN, liveSite, SOON, type Site } from '../support/web.ts'

const main = { repo: 'web', branch: 'main' }
/** Size of the one dependency, uncompressed. */
const SIZE = 4 * 2 ** 20

/** An app with one large dependency, as Express is beside an app's own few files. */
async function appWithDependency(): Promise<Site> {
  const packages = await servePackages({
    large: { 'index.js': `module.exports = ${JSON.stringify('x'.repeat(SIZE))}` },
  })
  const server = httpServer('String(large.length)', `import large from 'large'`)
  return liveSite({ files: { ...lockedApp(packages), 'server.mjs': server } })
}

interface Report {
  readonly parts: { what: string; of: string; bytes: number }[]
  readonly total: number
  readonly free: number
}

test('five releases cost little more than one, and no-cache shares nothing', async () => {
  const { host, app } = await appWithDependency()
  const disk = async (): Promise<Report> => JSON.parse((await host.ssh('disk', '--json')).stdout) as Report
  const checkouts = async (): Promise<number> =>
    (await disk()).parts.find(({ what, of }) => what === 'checkouts' && of === 'web main')?.bytes ?? -1
  const one = await disk()
  expect(one.parts.find(({ what }) => what === 'dependencies')?.bytes).toBeGreaterThanOrEqual(SIZE)
  for (let count = 2; count <= 5; count++) {
    await app.commit({ count: String(count) })
    const { status, stderr } = await app.git('push', host.url('web'), 'main')
    expect(stderr).toContain('node_modules: reused, package-lock.json is unchanged')
    expect(status).toBe(0)
  }
  expect((await host.get(DOMAIN)).body).toBe(String(SIZE))
  expect(await listReleases(host.paths, main)).toHaveLength(5)
  expect((await disk()).total - one.total).toBeLessThan(SIZE / 4)
  expect(await checkouts()).toBeLessThan(SIZE / 4)

  await app.commit({ count: 'anew' })
  const anew = await app.git('push', '-o', 'no-cache', host.url('web'), 'main')
  expect(anew.stderr).toContain('$ npm ci')
  expect(anew.stderr).not.toContain('node_modules:')
  expect(anew.status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe(String(SIZE))
  expect(await checkouts()).toBeGreaterThanOrEqual(SIZE)

  const shown = (await host.ssh('disk')).stdout.split('\n')
  expect(shown[0]).toMatch(/^\d\.\d MiB +(checkouts +web main|dependencies)$/)
  expect(shown).toContainEqual(expect.stringMatching(/^[\d.]+ MiB +checkouts +web main$/))
  expect(shown).toContainEqual(expect.stringMatching(/^[\d.]+ MiB +dependencies$/))
  expect(shown.at(-2)).toMatch(/^[\d.]+ MiB +in all +of at most 20\.0 GiB \(disk: \{max: …\}\)$/)
  expect(shown.at(-1)).toMatch(/^[\d.]+ [GM]iB are free; a deploy needs 500 MiB \(disk: \{min_free: …\}\)$/)
  expect(await host.stop()).toEqual([])
})

test('without enough free space nothing is built, and the answer says how much there is', async () => {
  const { host, push } = await liveSite()
  const before = await tracesOf(host)
  const { bavail, bsize } = await statfs(host.home)
  await host.configureMain({ disk: { min_free: bavail * bsize * 100 } })
  const { status, stderr } = await push({ 'server.mjs': answering('two') })
  expect(status).toBe(1)
  expect(stderr).toMatch(/ ! {5}Phase preflight failed: only \d+ MiB are free on the disk of /)
  expect(stderr).toContain('`pypaas disk` shows what takes how much')
  expect(stderr).not.toContain('Checking out')
  expect(await tracesOf(host)).toEqual(before)
  expect((await host.get(DOMAIN)).body).toBe('one')
  expect(await host.stop()).toEqual([])
})

test('beyond disk.max, old releases go before their time', async () => {
  const { host, push } = await liveSite({ files: { big: 'x'.repeat(SIZE) } })
  // The first deploy has measured; the next look is due now.
  const stamp = host.paths.runFile('measured')
  await expect
    .poll(
      () =>
        rm(stamp).then(
          () => true,
          () => false,
        ),
      SOON,
    )
    .toBe(true)
  await host.configureMain({ disk: { min_free: 1, max: SIZE } })
  expect((await push({ 'server.mjs': answering('two') })).status).toBe(0)
  const live = await liveRelease(host.paths, main)
  await expect
    .poll(async () => (await listReleases(host.paths, main)).map(({ release }) => release), SOON)
    .toEqual([live?.release])
  expect((await host.get(DOMAIN)).body).toBe('two')
  expect(await host.stop()).toEqual([])
})

test('where no svscan runs that is not ours to start, a push is refused before its build', async () => {
  const { host, push } = await createSite({ main: { services: { mode: 'external' } } })
  const { status, stderr } = await push()
  expect(status).toBe(1)
  expect(stderr).toContain(` !     Phase preflight failed: no svscan runs for ${host.paths.services}`)
  expect(stderr).toContain('or set `services: {mode: managed}`')
  expect(stderr).not.toContain('Building')
  expect(stderr).toContain('Nothing of web main is live yet.')
  expect(await host.stop()).toEqual([])
})

test('what a hook leaves in the background does not hold the deploy', async () => {
  const { host, push } = await createSite({
    branch: { hooks: { after_build: 'sleep 1000 & echo left' } },
  })
  const { status, stderr } = await push()
  expect(stderr).toContain('       left')
  expect(status, stderr).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('one')
  expect(stderr).toContain('ended what was left running in the background: ')
  expect(await host.stop()).toEqual([])
})
