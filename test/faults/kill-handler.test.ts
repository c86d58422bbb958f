/** `kill -9` of a handler, the process that OpenSSH starts for a push: before, in and after every phase. */
import { expect, test } from 'vitest'
import { PHASES } from '../../src/deploy/plan.ts'
import { killAt } from './kill-everywhere.ts'
import { expectServed, faultSite, killPoints } from './site.ts'

/** Every phase that a deploy without downtime can have. */
const HOOKS = { before_build: 'true', build: 'true', after_build: 'true', after_deploy: 'true' }

test(
  'wherever a handler is killed, one command later the host is whole, and nobody was refused',
  { timeout: 300_000 },
  async () => {
    const site = await faultSite({ hooks: HOOKS })
    expect(await site.push('second')).toMatchObject({ status: 0 })
    await site.recovered()
    const points = await killPoints(site.host)
    const reached = new Set(points.map(({ note }) => note))
    // The other two end processes; they have tests of their own.
    const elsewhere = ['maintenance', 'stop_first']
    expect(PHASES.filter((name) => !reached.has(`begin ${name}`))).toEqual(elsewhere)
    // At the end of each phase and between it and the next; in the midst of them is `kill-calls.test.ts`.
    const ends = points.filter(({ when, live }) => when === 'before' || live)
    await killAt(site, ends, 'second')
    expect(await site.push('last')).toMatchObject({ status: 0 })
    await site.recovered()
    await expectServed(site)
    expect(await site.host.stop()).toEqual([])
  },
)
