/** How a roll-out stands, put together from what the hosts have written. Pure. */
import type { HostReport, RollRef, Stop } from './roll.ts'

export interface FleetStatus extends RollRef {
  /** The newest version that is published; null: not known here. */
  readonly newest: string | null
  readonly hosts: readonly HostStatus[]
  /** The version that goes to no further host; null: none. */
  readonly stopped: Stop | null
}

export interface HostStatus extends Omit<HostReport, 'turn'> {
  /** `lost`: it had a turn that was not renewed in time; the host is gone, or cut off. */
  readonly turn: HostReport['turn'] | 'lost'
}

/** Every fleet that something is known of, by name, with its hosts by name. */
export function fleetStatus(
  reports: readonly HostReport[],
  stops: readonly (RollRef & Stop)[],
  now: Date,
): FleetStatus[] {
  const fleets = new Map<string, RollRef>()
  for (const { app, target } of [...reports, ...stops])
    fleets.set(JSON.stringify([app, target]), { app, target })
  return [...fleets.values()]
    .toSorted((a, b) => compare(a.app, b.app) || compare(a.target, b.target))
    .map((ref) => ({
      ...ref,
      newest: null,
      hosts: reports
        .filter((report) => isOf(report, ref))
        .toSorted((a, b) => compare(a.host, b.host))
        .map((report) => ({ ...report, turn: isLost(report, now) ? 'lost' : report.turn })),
      stopped: stopOf(stops, ref),
    }))
}

/** A version that is not the newest any more, because there is a newer one or it was taken back, stops nothing. */
export function withNewest(fleet: FleetStatus, newest: string | null): FleetStatus {
  const { stopped } = fleet
  return { ...fleet, newest, stopped: newest === null || newest === stopped?.version ? stopped : null }
}

/** Whether an operator has to look: a host failed or is gone, or a roll-out is stopped. */
export function needsAttention({ hosts, stopped }: FleetStatus): boolean {
  return stopped !== null || hosts.some(({ health, turn }) => health === 'failed' || turn === 'lost')
}

function stopOf(stops: readonly (RollRef & Stop)[], ref: RollRef): Stop | null {
  const stop = stops.find((each) => isOf(each, ref))
  if (stop === undefined) return null
  const { version, host, why, since } = stop
  return { version, host, why, since }
}

function isLost({ turn, until }: HostReport, now: Date): boolean {
  return turn === 'has' && until !== undefined && Date.parse(until) < now.getTime()
}

function isOf(one: RollRef, other: RollRef): boolean {
  return one.app === other.app && one.target === other.target
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
