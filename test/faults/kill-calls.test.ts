/** `kill -9` in the middle of phases: at calls into the system, spread over a rebuild, over what follows it, and over recovery. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/context.ts'
import { leftovers } from '../support/host.ts'
import { SOON } from '../support/web.ts'
import { expectServed, faultSite, killPoints, type FaultSite } from './site.ts'

const REBUILD = ['rebuild', 'web', 'main'] as const

/** How many calls a command makes that change something, from the first on whose path has `from` in it. */
async function countCalls(site: FaultSite, command: string, from?: string): Promise<number> {
  const count = join(await temporaryDirectory(), 'count')
  await site.pypaas({ command, count, ...(from === undefined ? {} : { from }) }, ...REBUILD)
  await site.recovered()
  return Number(await readFile(count, 'utf8'))
}

/** Numbers from 1 to `total`, evenly spread. */
function spread(total: number, points: number): number[] {
  return Array.from({ length: points }, (_, at) => 1 + Math.floor((at * total) / points))
}

test(
  'a rebuild that is killed at any call leaves a whole host after one command',
  { timeout: 240_000 },
  async () => {
    const site = await faultSite()
    const from = 'run/unfinished'
    const total = await countCalls(site, 'rebuild', from)
    expect(total).toBeGreaterThan(20)
    for (const call of spread(total, 7)) {
      await site.pypaas({ from, call }, ...REBUILD)
      await site.recovered()
    }
    await expectServed(site)
    expect(await site.host.stop()).toEqual([])
  },
)

test('what follows a deploy is gone on with wherever it was killed', { timeout: 240_000 }, async () => {
  const site = await faultSite()
  const command = 'settle'
  const total = await countCalls(site, command)
  expect(total).toBeGreaterThan(10)
  for (const call of spread(total, 5)) {
    expect(await site.pypaas({ command, call }, ...REBUILD)).toMatchObject({ status: 0 })
    const settling = async (): Promise<boolean> =>
      (await leftovers(site.host.home)).some((line) => line.includes(' settle web main'))
    await expect.poll(settling, SOON).toBe(false)
    await site.recovered()
  }
  await expectServed(site)
  expect(await site.host.stop()).toEqual([])
})

test('a recovery that is killed is gone on with by the next command', { timeout: 240_000 }, async () => {
  const site = await faultSite()
  expect(await site.push('second')).toMatchObject({ status: 0 })
  await site.recovered()
  const points = await killPoints(site.host)
  const late = points.find(({ note, when }) => note === 'begin switch' && when === 'after')
  const live = points.find(({ note, when }) => note === 'switched' && when === 'before')
  const count = join(await temporaryDirectory(), 'count')
  for (const point of [late, live]) {
    await site.pypaas({ ...point }, ...REBUILD)
    await site.pypaas({ command: 'list', count }, 'list')
    await site.recovered()
    const total = Number(await readFile(count, 'utf8'))
    expect(total).toBeGreaterThan(10)
    // Most of all at its end: what it is known by goes last.
    for (const call of [7, total - 4, total - 2, total]) {
      await site.pypaas({ ...point }, ...REBUILD)
      // It may have had fewer calls to make, and be done.
      await site.pypaas({ call }, 'list')
      await site.recovered()
    }
  }
  await expectServed(site)
  expect(await site.host.stop()).toEqual([])
})

test('of a deploy that is undone nothing stays, killed at its very last', { timeout: 120_000 }, async () => {
  const site = await faultSite()
  const last = { note: 'over', when: 'after' } as const
  expect(await site.push('tried', last, { options: ['-o', 'dry-run'] })).not.toMatchObject({ status: 0 })
  await site.recovered()
  expect(await site.push('undone', { note: 'begin switch', when: 'after' })).not.toMatchObject({ status: 0 })
  await site.pypaas(last, 'list')
  await site.recovered()
  await expectServed(site)
  expect(await site.host.stop()).toEqual([])
})
