/** `kill -9` of the daemon while it pulls a branch from artifacts. */
import { readdir, readlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { openFleet } from '../../src/fleet/fleet.ts'
import type { FleetStatus } from '../../src/fleet/status.ts'
import { openContext } from '../../src/host.ts'
import { PYPAAS, run } from '../support/host.ts'
import { SOON } from '../support/web.ts'
import { artifactUpstream, expectServed, LIVE, PAYLOAD, pullSite, some, spread } from './pull-site.ts'
import { faulty, killPoints, MAIN, type Fault } from './site.ts'

test(
  'an artifact: wherever the daemon is killed, one version is live, and the new one comes once',
  { timeout: 400_000 },
  async () => {
    const site = await pullSite(await artifactUpstream())
    const total = await site.count('version counted', 'cache/pull')
    expect(total).toBeGreaterThan(20)
    let number = 0
    const killed = (fault: Fault, live?: boolean) => site.killed(`version ${++number}`, fault, live)
    await killed({ file: 'cache/pull', bytes: PAYLOAD / 4 }, false)
    await killed({ file: 'cache/pull', bytes: PAYLOAD / 4 }, false)
    await killed({ from: '/.pulled.', call: 4 }, false)
    for (const call of spread(total, 2)) await killed({ from: 'cache/pull', call })
    for (const { note, when, live } of some(await killPoints(site.host))) await killed({ note, when }, live)
    for (const call of [2, 4]) await killed({ from: 'pulled.json', call })
    await expectServed(site)
    expect(await site.host.stop()).toEqual([])
  },
)

test('the turn of a daemon that was killed is had again, and given back', { timeout: 180_000 }, async () => {
  const turns = { fleet: { host: 'solo', turn_timeout: 3 } }
  const site = await pullSite(await artifactUpstream(turns))
  const { host, killed } = site
  const fleet = async (): Promise<unknown> => {
    const { stdout } = await host.pypaas('fleet', 'status', 'web', 'main', '--json')
    const [seen] = JSON.parse(stdout) as FleetStatus[]
    return seen?.hosts.map(({ version, health, turn }) => ({ version, health, turn }))
  }
  await killed('version 1', { note: 'begin start', when: 'after' }, false)
  await host.serve()
  await expect.poll(fleet, LIVE).toEqual([{ version: '2', health: 'healthy', turn: 'none' }])
  await host.endDaemon('SIGTERM')
  const ctx = await openContext({ home: host.home, unconfigured: false })
  const holders = async (): Promise<unknown> =>
    (await openFleet(ctx))?.slots.holders({ app: 'web', target: 'main' })
  await expect.poll(holders, SOON).toEqual([])
  await expectServed(site)
  expect(await host.stop()).toEqual([])
})

/** Nothing has to be downloaded for them, and no two are the same. */
function requirements(text: string): Record<string, string> {
  return { 'requirements.txt': `# of ${text}\n` }
}

test('virtualenvs that no release uses any more go, half made ones too', { timeout: 180_000 }, async () => {
  const upstream = await artifactUpstream({}, requirements)
  const { host, arrives } = await pullSite(upstream)
  const places = host.paths.app({ app: 'web', target: 'main' })
  const virtualenvs = async (): Promise<string[]> =>
    (await readdir(places.virtualenvs)).filter((name) => !/\.(lock|complete)$/.test(name))
  const linked = async (): Promise<string[]> => {
    const checkouts = host.paths.checkoutsOf(MAIN)
    const names = await readdir(checkouts)
    return Promise.all(names.map(async (name) => basename(await readlink(join(checkouts, name, 'venv')))))
  }
  const [first] = await virtualenvs()
  expect(await linked()).toEqual([first])

  const killed = await upstream.publish('version 1')
  const fault = { command: 'serve', note: 'begin release', when: 'before' } as const
  const serve = [PYPAAS, '--home', host.home, 'serve']
  expect(await run(process.execPath, serve, faulty(fault))).toMatchObject({ status: 255 })
  expect(await virtualenvs()).toHaveLength(2)
  expect(await host.pypaas('list')).toMatchObject({ status: 0 })
  expect(await linked()).toEqual([first])
  await arrives('version 1', killed)
  await arrives('version 2', await upstream.publish('version 2'))
  // That of the former release goes with the next pull, as that is live until then.
  expect(await virtualenvs()).toHaveLength(2)
  expect(await virtualenvs()).not.toContain(first)
  expect(await linked()).toHaveLength(1)
  expect(await virtualenvs()).toEqual(expect.arrayContaining(await linked()))
  expect(await host.stop()).toEqual([])
})
