/** `kill -9` of the daemon, in and between all phases of a deploy that came through its SSH server. */
import { expect, test } from 'vitest'
import { killAt } from './kill-everywhere.ts'
import { expectServed, faultSite, killPoints } from './site.ts'

test(
  'wherever the daemon is killed, nginx and the apps go on, and one command later the host is whole',
  { timeout: 300_000 },
  async () => {
    const site = await faultSite({}, { daemon: true })
    // Between two phases is before the next has begun; what is applied but not noted, the handlers' test has.
    const points = await killPoints(site.host)
    expect(points.length).toBeGreaterThan(10)
    await killAt(site, points, 'first')
    await expectServed(site)
    expect(await site.host.stop()).toEqual([])
  },
)
