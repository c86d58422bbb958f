/** `kill -9` of whoever has a detached push in hand: the handler that has taken it, and the process that deploys it. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { liveRelease } from '../../src/system/state.ts'
import { temporaryDirectory } from '../support/context.ts'
import { leftovers } from '../support/host.ts'
import { repoWith, SOON } from '../support/web.ts'
import { expectServed, faultSite, killPoints, type Fault, type FaultSite } from './site.ts'

const DETACHED = { options: ['-o', 'detach'] }
const DEPLOYER = 'deploy-detached'
/** Where the handler, and the process that deploys, first note the move of the ref. */
const FROM = 'run/moves'

/** Waits until nobody has the push in hand any more. */
async function ended({ host }: FaultSite): Promise<void> {
  const working = async (): Promise<string[]> =>
    (await leftovers(host.home)).filter(
      (line) => line.endsWith(' ssh alice') || line.includes(` ${DEPLOYER} `),
    )
  await expect.poll(working, SOON).toEqual([])
}

/** How many calls that change something a handler makes from its note on. */
async function callsOfHandler(site: FaultSite): Promise<number> {
  const count = join(await temporaryDirectory(), 'count')
  expect(await site.push('counted', { from: FROM, count }, DETACHED)).toMatchObject({ status: 0 })
  await ended(site)
  await site.settled()
  return Number(await readFile(count, 'utf8'))
}

/** Every fifth of the points, the first and the last among them. */
function some<T>(points: readonly T[]): T[] {
  return points.filter((_, at) => at % 5 === 0 || at === points.length - 1)
}

test(
  'wherever a detached deploy is killed, the branch and what is live agree after one command',
  { timeout: 240_000 },
  async () => {
    const site = await faultSite()
    expect(await site.push('second', undefined, DETACHED)).toMatchObject({ status: 0 })
    await ended(site)
    await site.settled()
    expect(await site.live()).toBe('second')
    const points = await killPoints(site.host)
    for (const { note, when, live } of [
      ...some(points.filter((point) => !point.live)),
      ...points.slice(-1),
    ]) {
      const text = `${when} ${note}`
      const before = await site.live()
      const fault = { command: DEPLOYER, note, when }
      expect((await site.push(text, fault, DETACHED)).status, text).toBe(0)
      await ended(site)
      await site.recovered()
      expect(await site.live(), text).toBe(live ? text : before)
    }
    await expectServed(site)
    expect(await site.host.stop()).toEqual([])
  },
)

test(
  'a handler that is killed while it hands a detached push over leaves a whole host after one command',
  { timeout: 240_000 },
  async () => {
    const site = await faultSite()
    const total = await callsOfHandler(site)
    expect(total).toBeGreaterThan(5)
    expect(await site.live()).toBe('counted')
    for (let call = 1; call <= total; call += 2) {
      const text = `call ${call}`
      const before = await site.live()
      await site.push(text, { from: FROM, call }, DETACHED)
      await ended(site)
      await site.recovered()
      // Once there is a process that deploys it, the handler is not needed.
      expect([before, text]).toContain(await site.live())
    }
    await expectServed(site)
    expect(await site.host.stop()).toEqual([])
  },
)

test('a first detached deploy that is killed leaves no branch behind', { timeout: 240_000 }, async () => {
  const site = await faultSite()
  const { host, app } = site
  const points = (await killPoints(host)).filter(({ live }) => !live)
  await host.configure('repos/web.yml', repoWith({}, {}, ['main', 'dev']))
  const faults: Fault[] = [
    ...some(points).map(({ note, when }) => ({ command: DEPLOYER, note, when })),
    // Of its own note, and in the queue for the branch.
    { command: DEPLOYER, from: FROM, call: 1 },
    { command: DEPLOYER, from: 'state/web/dev', call: 1 },
  ]
  const branch = { repo: 'web', branch: 'dev' }
  const refAfter = async (fault: Fault): Promise<string> => {
    await site.push(JSON.stringify(fault), fault, { ...DETACHED, refspec: 'main:dev' })
    await ended(site)
    expect((await host.pypaas('list')).status).toBe(0)
    expect(await readdir(host.paths.moves), JSON.stringify(fault)).toEqual([])
    const { stdout } = await app.git('ls-remote', host.paths.repo('web'), 'refs/heads/dev')
    return stdout.split('\t')[0] ?? ''
  }
  for (const fault of faults) expect(await refAfter(fault), JSON.stringify(fault)).toBe('')
  // The handler, up to the start of the process that deploys; from there on it is not needed.
  for (let call = 1, live = ''; live === ''; call++) {
    const ref = await refAfter({ from: FROM, call })
    live = (await liveRelease(host.paths, branch))?.commit ?? ''
    expect(ref, `call ${call}`).toBe(live)
    expect(call > 3 || live === '', `call ${call}`).toBe(true)
  }
  expect(await site.push('well', undefined, { ...DETACHED, refspec: 'main:dev' })).toMatchObject({
    status: 0,
  })
  await ended(site)
  expect((await host.pypaas('status', 'web', 'dev')).status).toBe(0)
  expect(await host.stop()).toEqual([])
})
