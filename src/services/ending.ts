/** In which order the processes of a release are ended, and when TERM becomes KILL. Pure. */
import { withDescendants, type ProcessEntry } from '../system/process-table.ts'

/** What is known about processes beside the kernel's table. Times are in milliseconds of one clock. */
export interface Ending {
  /** The processes that supervise started for a service, with their milliseconds between TERM and KILL. */
  readonly mains: ReadonlyMap<number, number>
  /** Processes that read a service's log. */
  readonly loggers: ReadonlySet<number>
  /** The supervises of logs. */
  readonly logSupervises: ReadonlySet<number>
  /** When each was sent TERM. */
  readonly told: ReadonlyMap<number, number>
  /** Since when nothing writes to the logs any more. */
  readonly quietSince: number | undefined
}

export interface EndingStep {
  readonly terminate: readonly number[]
  readonly kill: readonly number[]
  /** Nothing is left but what reads the logs. */
  readonly quiet: boolean
  /** When to look again if nobody ends before. */
  readonly next: number
}

/** svscan, supervise and setlock hold nothing that a KILL could spoil, and would only restart things. */
const SUPERVISORS = new Set(['svscan', 'supervise', 'setlock'])
/** How long a log's reader may need to write what it has, in milliseconds. */
const LOG_GRACE = 5_000

/**
 * The next step: supervisors are killed; then the main processes get TERM; what
 * a main process leaves behind gets TERM when that one has gone; whoever
 * outlives its time gets KILL. Loggers end by themselves when nobody can write to them any more.
 */
export function endingStep(
  members: readonly ProcessEntry[],
  ending: Ending,
  now: number,
  defaultTimeout: number,
): EndingStep {
  const logging = withDescendants([...ending.loggers, ...ending.logSupervises], members)
  const supervisors = members.filter(({ pid, name }) => SUPERVISORS.has(name) && !logging.has(pid))
  const apps = members.filter(({ pid, name }) => !SUPERVISORS.has(name) && !logging.has(pid))
  const kill = supervisors.map(({ pid }) => pid)
  const terminate: number[] = []
  let next = now + LOG_GRACE

  const ownerOf = ownership(apps, ending.mains)
  const overdue = (pid: number): boolean => {
    const told = ending.told.get(pid)
    if (told === undefined) return false
    const deadline = told + (ending.mains.get(pid) ?? defaultTimeout)
    if (deadline > now) next = Math.min(next, deadline)
    return deadline <= now
  }
  const condemned = new Set(apps.map(({ pid }) => pid).filter((pid) => overdue(pid)))
  for (const { pid } of apps) {
    const owner = ownerOf(pid)
    if (condemned.has(pid) || (owner !== undefined && condemned.has(owner))) kill.push(pid)
    else if ((owner === undefined || owner === pid) && !ending.told.has(pid)) {
      terminate.push(pid)
      next = Math.min(next, now + (ending.mains.get(pid) ?? defaultTimeout))
    }
  }

  const quiet = apps.length === 0
  if (quiet) {
    const readers = members.filter(({ pid }) => logging.has(pid) && !ending.logSupervises.has(pid))
    const late = ending.quietSince !== undefined && now - ending.quietSince >= LOG_GRACE
    if (late) kill.push(...readers.map(({ pid }) => pid))
    for (const pid of ending.logSupervises) {
      if (late || !readers.some(({ parent }) => parent === pid)) kill.push(pid)
    }
  }
  return { terminate, kill, quiet, next }
}

/** Finds the living main process that a process belongs to: its ancestor, or the leader of its group. */
function ownership(
  apps: readonly ProcessEntry[],
  mains: ReadonlyMap<number, number>,
): (pid: number) => number | undefined {
  const byPid = new Map(apps.map((entry) => [entry.pid, entry]))
  return (pid) => {
    for (let entry = byPid.get(pid); entry !== undefined; entry = byPid.get(entry.parent)) {
      if (mains.has(entry.pid)) return entry.pid
    }
    const group = byPid.get(pid)?.group ?? 0
    return mains.has(group) && byPid.has(group) ? group : undefined
  }
}
