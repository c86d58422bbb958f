/** Ends the processes of a release, from whatever state they are in. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { hasErrno, PypaasError } from '../errors.ts'
import type { ReleaseRef } from '../paths.ts'
import type { ReleaseProcess } from '../release.ts'
import { flock } from '../system/flock.ts'
import { hasEnded, processEntry, sendSignal, type ProcessEntry } from '../system/process-table.ts'
import { listDirectory } from '../system/state.ts'
import { serviceState } from './daemontools.ts'
import { endingStep, type Ending } from './ending.ts'
import { lockHoldersOf, membersOf, worksInLog } from './members.ts'

/** Seconds between TERM and KILL for a process of which nothing else is known. */
const STOP_TIMEOUT = 10
/** Milliseconds between two looks at processes that are ending. */
const LOOK = 2
const LOOK_AT_MOST = 20
/** Milliseconds after which a process that does not end by KILL (it hangs in the kernel) is given up. */
const UNKILLABLE = 15_000

/**
 * Ends everything of a release: its svscan and supervises first, so that nothing
 * is started again, then the processes (TERM to the main ones, all at once, KILL
 * after their `stop_timeout`), what they left behind, and the logs when all is
 * written. Idempotent, for a release that never started too. Nothing of another
 * release is touched. The directory stays. The host's svscan would start it
 * again: {@link delist} comes first.
 * @throws PypaasError `failed` if something of it cannot be ended
 */
export async function stopServices(
  ctx: Context,
  ref: ReleaseRef,
  processes: readonly ReleaseProcess[] = [],
): Promise<void> {
  const longest = Math.max(0, ...processes.map(({ runner }) => runner.stopTimeout))
  const timeout = (processes.length === 0 ? STOP_TIMEOUT : longest) * 1000
  const services = await servicesOf(ctx, ref, processes)
  await endMembers(() => membersOf(ctx.paths, ref), services, timeout)
  if (await isLockFree(ctx, ref)) return
  // Something that hides from all else still has the lock's descriptor.
  await endMembers(() => lockHoldersOf(ctx.paths, ref), services, timeout)
  if (await isLockFree(ctx, ref)) return
  throw new PypaasError('failed', `something of ${ref.repo} ${ref.branch} ${ref.release} cannot be ended`, {
    where: ctx.paths.releaseLock(ref),
    hint: `find it with \`fuser -v ${ctx.paths.releaseLock(ref)}\` as root`,
  })
}

/** The directory of a service and how long its process has after TERM, in milliseconds. */
export interface Stoppable {
  readonly directory: string
  readonly timeout: number
}

/**
 * Ends the processes that `find` finds, until it finds none, or only such as no KILL can end.
 * @param find looks at the whole host
 * @param defaultTimeout milliseconds, for processes that belong to no service
 */
export async function endMembers(
  find: () => ProcessEntry[],
  services: readonly Stoppable[],
  defaultTimeout: number,
): Promise<void> {
  const mains = new Map<number, number>()
  const loggers = new Set<number>()
  const logSupervises = new Set<number>()
  const told = new Map<number, number>()
  let quietSince: number | undefined
  const longest = Math.max(defaultTimeout, ...services.map(({ timeout }) => timeout))
  const giveUp = performance.now() + 2 * longest + UNKILLABLE

  for (let members = find(); members.length > 0; members = find()) {
    for (const { directory, timeout } of services) {
      const main = serviceState(directory).pid
      if (main !== undefined) mains.set(main, timeout)
      const logger = serviceState(join(directory, 'log')).pid
      if (logger !== undefined) loggers.add(logger)
    }
    for (const { pid, name } of members) {
      if (name === 'supervise' && worksInLog(pid)) logSupervises.add(pid)
    }
    // What these may start meanwhile is found by the next look at the whole host.
    while (members.length > 0) {
      const now = performance.now()
      if (now > giveUp) return
      const ending: Ending = { mains, loggers, logSupervises, told, quietSince }
      const step = endingStep(members, ending, now, defaultTimeout)
      if (step.quiet) quietSince ??= now
      for (const pid of step.kill) sendSignal(pid, 'SIGKILL')
      for (const pid of step.terminate) {
        told.set(pid, now)
        sendSignal(pid, 'SIGTERM')
        // A stopped process could not take the TERM.
        sendSignal(pid, 'SIGCONT')
      }
      members = await afterChange(members, step.next)
    }
  }
}

/** Waits until one of the processes has ended, or until `latest`; returns those that still run. */
async function afterChange(members: readonly ProcessEntry[], latest: number): Promise<ProcessEntry[]> {
  for (let pause = LOOK; ; pause = Math.min(pause * 1.5, LOOK_AT_MOST)) {
    await delay(pause)
    const running = members.flatMap(({ pid }) => {
      const entry = processEntry(pid)
      return entry === undefined || hasEnded(entry) ? [] : [entry]
    })
    if (running.length < members.length || performance.now() >= latest) return running
  }
}

async function servicesOf(
  ctx: Context,
  ref: ReleaseRef,
  processes: readonly ReleaseProcess[],
): Promise<Stoppable[]> {
  const known = new Map(
    processes.map(({ runner, index }) => [ctx.paths.service(ref, runner.name, index), runner.stopTimeout]),
  )
  const directory = ctx.paths.releaseServices(ref)
  return (await listDirectory(directory)).map((name) => {
    const service = join(directory, name)
    return { directory: service, timeout: (known.get(service) ?? STOP_TIMEOUT) * 1000 }
  })
}

/** The kernel's word that nothing of the release runs: everything that it starts inherits the lock. */
async function isLockFree(ctx: Context, ref: ReleaseRef): Promise<boolean> {
  const path = ctx.paths.releaseLock(ref)
  const file = await open(path, 'r+').catch((error: unknown) => {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  })
  if (file === undefined) return true
  try {
    // setlock(8) locks with flock(2), which is another lock than ours; over NFS it wants a file open for writing.
    return await flock(file.fd, ['-n'])
  } finally {
    await file.close()
  }
}
