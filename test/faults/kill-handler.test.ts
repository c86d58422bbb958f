/** `kill -9` of the process that deploys, before, in and after every phase. */
import { expect, test } from 'vitest'
import { listRecords } from '../../src/deploy/journal.ts'
import { PHASES } from '../../src/deploy/plan.ts'
import { expectServed, faultSite, killPoints, MAIN, type FaultSite } from './site.ts'

/** Every phase that a deploy without downtime can have. */
const HOOKS = { before_build: 'true', build: 'true', after_build: 'true', after_deploy: 'true' }

async function killEverywhere(site: FaultSite): Promise<string[]> {
  const { host, push, live, recovered } = site
  expect(await push('second')).toMatchObject({ status: 0 })
  await recovered()
  const points = await killPoints(host)
  let former = 'second'
  for (const [number, { note, when, live: isLive }] of points.entries()) {
    const at = `${when} ${note}`
    const text = `version ${number}`
    const { status, stderr } = await push(text, { note, when })
    expect(status, `${at}: ${stderr}`).not.toBe(0)
    expect(await live(), at).toBe(isLive ? text : former)
    await recovered()
    expect((await listRecords(host.paths, MAIN)).at(-1)?.result, at).not.toBe('running')
    former = await live()
    expect(former, at).toBe(isLive ? text : former)
  }
  expect(await push('last')).toMatchObject({ status: 0 })
  await recovered()
  return points.map(({ note }) => note)
}

test(
  'wherever a handler is killed, one command later the host is whole and nobody was refused',
  { timeout: 240_000 },
  async () => {
    const site = await faultSite({ hooks: HOOKS })
    const points = await killEverywhere(site)
    const optional = new Set(['maintenance', 'stop_first'])
    expect(PHASES.filter((name) => !optional.has(name) && !points.includes(`begin ${name}`))).toEqual([])
    await expectServed(site)
    expect(await site.host.stop()).toEqual([])
  },
)
