/** The hosts of a fleet, from what they have written where all can read it: `fleet status [<app> [<target>]]`. */
import type { Context } from '../../context.ts'
import { newestVersion, openBoard } from '../../fleet/fleet.ts'
import { listReports } from '../../fleet/report.ts'
import {
  fleetStatus,
  needsAttention,
  withNewest,
  type FleetStatus,
  type HostStatus,
} from '../../fleet/status.ts'
import { listStops } from '../../fleet/stop.ts'
import type { Invocation } from '../command.ts'
import { duration, table } from '../text.ts'

/** 1 if a host has failed or is gone, or a roll-out is stopped. */
export async function run({ ctx, args: [app, target], json, out }: Invocation): Promise<number> {
  const board = await openBoard(ctx)
  const all = fleetStatus(await listReports(board), await listStops(board), ctx.now())
  const named = all.filter(
    (fleet) => (app ?? fleet.app) === fleet.app && (target ?? fleet.target) === fleet.target,
  )
  const fleets = await Promise.all(
    named.map(async (fleet) => withNewest(fleet, (await newestVersion(ctx, fleet)) ?? null)),
  )
  if (json) out.line(JSON.stringify(fleets, null, 2))
  else if (fleets.length === 0) out.line(nothingOf(app, target, all))
  else for (const fleet of fleets) for (const line of describe(ctx, fleet)) out.line(line)
  return fleets.some(needsAttention) ? 1 : 0
}

function describe(ctx: Context, { app, target, newest, hosts, stopped }: FleetStatus): string[] {
  const now = ctx.now().getTime()
  const rows = hosts.map((host) => [
    host.host,
    host.version ?? 'nothing yet',
    host.health,
    turnOf(host),
    `for ${duration(now - Date.parse(host.since))}`,
    whyOf(host),
  ])
  return [
    `${app}/${target}${newest === null ? '' : `: newest ${newest}`}`,
    ...table(rows).map((line) => `    ${line}`),
    ...(stopped === null
      ? []
      : [`    stopped: ${stopped.version} failed on ${stopped.host} at ${stopped.since}: ${stopped.why}`]),
  ]
}

function turnOf({ turn, to = '' }: HostStatus): string {
  if (turn === 'has') return `updating to ${to}`
  if (turn === 'waits') return `waiting to update to ${to}`
  return turn === 'lost' ? `lost while updating to ${to}` : ''
}

/** What failed is not what is live: that is the version at the beginning of the line. */
function whyOf({ health, to, why = '' }: HostStatus): string {
  return health === 'failed' && to !== undefined && why !== '' ? `${to}: ${why}` : why
}

function nothingOf(app: string | undefined, target: string | undefined, all: readonly FleetStatus[]): string {
  const known = all.map((fleet) => `${fleet.app}/${fleet.target}`).join(', ')
  if (known === '') return 'no host has reported anything yet'
  return `no host has reported anything of ${app}${target === undefined ? '' : `/${target}`}; there is ${known}`
}
