/** What a host says of itself, for `fleet status`. A report that cannot be written never fails an update. */
import type { Context } from '../context.ts'
import { messageOf } from '../errors.ts'
import { openFleet, type Fleet } from './fleet.ts'
import { reportKey, reportPrefix, type Health, type HostReport, type RollRef } from './roll.ts'
import type { Board } from './board.ts'

export interface Changes {
  /** What is live; undefined: nothing. */
  readonly version: string | undefined
  /** Undefined: as it was. */
  readonly health?: Health
  readonly turn: HostReport['turn']
  readonly to?: string
  readonly why?: string
  readonly since?: string
  readonly until?: string
}

/** Writes the report of this host; only if it says something else than the one that is there. */
export async function writeReport(
  ctx: Context,
  fleet: Pick<Fleet, 'host' | 'board'>,
  { app, target }: RollRef,
  changes: Changes,
): Promise<void> {
  const key = reportKey({ app, target }, fleet.host)
  try {
    const former = (await fleet.board.read(key)) as HostReport | undefined
    const report: HostReport = {
      host: fleet.host,
      app,
      target,
      since: ctx.now().toISOString(),
      ...changes,
      version: changes.version ?? null,
      health: changes.health ?? former?.health ?? 'unknown',
    }
    if (former === undefined || !sameBut(former, report, 'since')) await fleet.board.write(key, report)
  } catch (error) {
    ctx.log.warn({ key, error: messageOf(error) }, 'the report of this host could not be written')
  }
}

/**
 * Says what is live on this host, apart from any turn: whenever somebody has looked.
 * Does nothing without a fleet in the configuration.
 */
export async function reportLive(
  ctx: Context,
  ref: RollRef,
  live: { readonly version: string; readonly health: Health; readonly why?: string },
): Promise<void> {
  const fleet = await openFleet(ctx)
  if (fleet !== undefined) await writeReport(ctx, fleet, ref, { ...live, turn: 'none' })
}

/** Nothing of the app is on this host any more. Does nothing without a fleet in the configuration. */
export async function reportGone(ctx: Context, ref: RollRef): Promise<void> {
  const fleet = await openFleet(ctx)
  if (fleet === undefined) return
  const key = reportKey(ref, fleet.host)
  try {
    await fleet.board.remove(key)
  } catch (error) {
    ctx.log.warn({ key, error: messageOf(error) }, 'the report of this host could not be removed')
  }
}

/**
 * Removes what a host has said in any fleet.
 * @returns the fleets that it was in
 */
export async function forgetHost(board: Board, host: string): Promise<RollRef[]> {
  const reports = (await listReports(board)).filter((report) => report.host === host)
  for (const report of reports) await board.remove(reportKey(report, host))
  return reports.map(({ app, target }) => ({ app, target }))
}

/** What the hosts have said, of one fleet or of all. */
export async function listReports(board: Board, ref?: RollRef): Promise<HostReport[]> {
  const documents = await board.list(reportPrefix(ref))
  return [...documents.values()].filter((report) => report !== undefined) as HostReport[]
}

function sameBut(one: HostReport, other: HostReport, but: keyof HostReport): boolean {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<keyof HostReport>
  return [...keys].every((key) => key === but || one[key] === other[key])
}
