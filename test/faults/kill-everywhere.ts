/** Kills whoever deploys at one point after the other, and looks each time at what one command makes of it. */
import { expect } from 'vitest'
import { listRecords } from '../../src/deploy/journal.ts'
import type { FaultSite, KillPoint } from './site.ts'
import { MAIN } from './site.ts'

/** @param former text of the version that is live */
export async function killAt(site: FaultSite, points: readonly KillPoint[], former: string): Promise<void> {
  const { host, push, live, recovered } = site
  let present = former
  for (const [number, { note, when, live: isLive }] of points.entries()) {
    const at = `${when} ${note}`
    const text = `version ${number}`
    const { status, stderr } = await push(text, { note, when })
    expect(status, `${at}: ${stderr}`).not.toBe(0)
    const expected = isLive ? text : present
    expect(await live(), at).toBe(expected)
    await recovered()
    expect(await live(), at).toBe(expected)
    // Killed before there was a record, it has left none.
    const record = (await listRecords(host.paths, MAIN)).at(-1)
    expect(record?.result, at).toMatch(isLive ? /^succeeded$/ : /^(abandoned|succeeded)$/)
    present = expected
  }
}
