/** What pypaas relies on dies, or lies, around a deploy: nginx, svscan, supervise, the clock. */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { listReleases, liveReleaseName } from '../../src/system/state.ts'
import { leftovers, type Host } from '../support/host.ts'
import { begun, holding, release } from '../support/hold.ts'
import { DOMAIN, liveSite, SOON, answering } from '../support/web.ts'
import { faultSite, MAIN } from './site.ts'

/** Kills the processes of a host whose command line is like this. */
async function kill(host: Host, commandLine: RegExp): Promise<void> {
  const pids = (await leftovers(host.home))
    .filter((line) => commandLine.test(line))
    .map((line) => Number.parseInt(line))
  expect(pids.length).toBeGreaterThan(0)
  for (const pid of pids) process.kill(pid, 'SIGKILL')
}

test('nginx that is killed during a deploy is up again with the new release', async () => {
  const { host, app, configure } = await liveSite()
  await configure({ hooks: { build: holding('build') } })
  await app.commit({ 'server.mjs': answering('two') })
  const push = app.start('push', host.url('web'), 'main')
  await begun(host, 'build')
  process.kill(Number(await readFile(`${host.home}/run/nginx/nginx.pid`, 'utf8')), 'SIGKILL')
  await release(host, 'build')
  expect((await push.ended).status).toBe(0)
  await expect.poll(() => host.get(DOMAIN).catch(String), SOON).toMatchObject({ status: 200, body: 'two' })
  expect(await host.stop()).toEqual([])
})

test("a host's svscan that is killed during a deploy is started again, and knows the new release", async () => {
  const { host, app, configure } = await liveSite()
  await configure({ hooks: { build: holding('build') } })
  await app.commit({ 'server.mjs': answering('two') })
  const push = app.start('push', host.url('web'), 'main')
  await begun(host, 'build')
  await kill(host, /svscan \S+\/services$/)
  await release(host, 'build')
  expect((await push.ended).status).toBe(0)
  const supervised = async (): Promise<boolean> =>
    (await leftovers(host.home)).some((line) => /supervise web\+main/.test(line))
  await expect.poll(supervised, SOON).toBe(true)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
  expect(await host.stop()).toEqual([])
})

test(
  'a release whose supervise is killed goes on, and the next deploy ends it',
  { timeout: 120_000 },
  async () => {
    const site = await faultSite()
    await kill(site.host, /^\d+ supervise web-0$/)
    expect(await site.host.get(DOMAIN)).toMatchObject({ status: 200, body: 'first' })
    // Until its svscan has seen it, too, and has ended what it no longer supervises to start it anew.
    expect((await site.host.pypaas('status')).stdout).toMatch(/web-0 +(unsupervised|up)/)
    expect(await site.push('second')).toMatchObject({ status: 0 })
    await site.recovered()
    expect(await site.live()).toBe('second')
    expect(await site.host.stop()).toEqual([])
  },
)

test('a clock that goes back puts no release behind an older one', { timeout: 120_000 }, async () => {
  const { host, push, live } = await faultSite({}, { main: { releases: { keep: 3 } } })
  const liveName = async (): Promise<string> => (await liveReleaseName(host.paths, MAIN)) ?? 'nothing'
  const names = [await liveName()]
  for (const [text, clock] of [
    ['a day ahead', 86_400],
    ['right', 0],
    ['an hour back', -3600],
  ] as const) {
    expect(await push(text, { clock })).toMatchObject({ status: 0 })
    expect(await live()).toBe(text)
    expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: text })
    names.push(await liveName())
  }
  expect(names.toSorted()).toEqual(names)
  expect(new Set(names).size).toBe(4)
  const kept = async (): Promise<string[]> =>
    (await listReleases(host.paths, MAIN)).map((each) => each.release)
  await expect.poll(kept, SOON).toEqual(names.slice(-3))
  expect(await host.stop()).toEqual([])
})
