/** `kill -9` of deploys that end the former processes before SWITCH, and of rollbacks. */
import { expect, test } from 'vitest'
import { listReleases, liveReleaseName } from '../../src/system/state.ts'
import { killAt } from './kill-everywhere.ts'
import { expectServed, faultSite, killPoints, MAIN, type FaultSite, type KillPoint } from './site.ts'

/** From this phase on. */
async function pointsFrom(site: FaultSite, phase: string): Promise<KillPoint[]> {
  expect(await site.push('second')).toMatchObject({ status: 0 })
  await site.recovered()
  const points = await killPoints(site.host)
  const first = points.findIndex(({ note }) => note === `begin ${phase}`)
  expect(first).toBeGreaterThan(0)
  // In the phases: each ends processes, or waits for them.
  return points.slice(first).filter(({ when, live }) => when === 'after' || live)
}

test(
  'wherever a deploy with maintenance is killed, one command later a release is up',
  { timeout: 240_000 },
  async () => {
    const site = await faultSite({ hooks: { maintenance: 'true' } })
    await killAt(site, await pointsFrom(site, 'maintenance'), 'second')
    await expectServed(site, ['503 '])
    expect(await site.host.stop()).toEqual([])
  },
)

test(
  'wherever a deploy with stop_first is killed, one command later a release is up',
  { timeout: 240_000 },
  async () => {
    const site = await faultSite({}, { runner: { strategy: 'stop_first' } })
    const points = await pointsFrom(site, 'stop_first')
    await killAt(site, points.slice(0, 2), 'second')
    await expectServed(site, ['503 '])
    expect(await site.host.stop()).toEqual([])
  },
)

test(
  'wherever a rollback is killed, the branch and what is live agree after one command',
  { timeout: 240_000 },
  async () => {
    const site = await faultSite({}, { main: { releases: { keep: 2 } } })
    const { host, pypaas, live } = site
    const other = async (): Promise<string> => {
      const present = await liveReleaseName(host.paths, MAIN)
      const kept = (await listReleases(host.paths, MAIN)).filter(({ release }) => release !== present)
      return kept.at(-1)?.release ?? ''
    }
    const text = { first: 'second', second: 'first' } as Readonly<Record<string, string>>
    expect(await site.push('second')).toMatchObject({ status: 0 })
    for (let times = 0; times < 2; times++) {
      await site.settled()
      expect(await host.pypaas('rollback', 'web', 'main', await other())).toMatchObject({ status: 0 })
    }
    await site.settled()
    const points = (await killPoints(host)).filter(({ when, live: isLive }) => when === 'after' || isLive)
    expect(points.some(({ note }) => note === 'begin build')).toBe(false)
    for (const { note, when, live: isLive } of points) {
      const present = await live()
      const { status } = await pypaas({ note, when }, 'rollback', 'web', 'main', await other())
      expect(status).not.toBe(0)
      await site.recovered()
      expect(await live(), `${when} ${note}`).toBe(isLive ? text[present] : present)
    }
    await expectServed(site)
    expect(await host.stop()).toEqual([])
  },
)
