/** Stops single processes of a release that stays as it is, and starts them again. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { hasErrno, messageOf } from '../errors.ts'
import type { ReleaseRef } from '../paths.ts'
import { processesOf, type Release, type ReleaseProcess } from '../release.ts'
import { syncDirectory } from '../system/files.ts'
import type { Output } from '../system/output.ts'
import { withDescendants, type ProcessEntry } from '../system/process-table.ts'
import { control, isSupervised, serviceState } from './daemontools.ts'
import { waitHealthy } from './health.ts'
import { membersOf } from './members.ts'
import { endMembers } from './stop.ts'
import { startServices } from './tree.ts'

/**
 * Ends the processes of a release, or of some of its runners, while its svscan
 * stays. They stay down over a reboot too, until {@link resumeProcesses}: two
 * of a kind that must not run twice never do. TERM first, KILL after `stop_timeout`.
 */
export async function pauseProcesses(
  ctx: Context,
  release: Release,
  runners?: readonly string[],
): Promise<void> {
  await Promise.all(chosen(release, runners).map((process) => pauseProcess(ctx, release, process)))
}

async function pauseProcess(ctx: Context, ref: ReleaseRef, process: ReleaseProcess): Promise<void> {
  const directory = ctx.paths.service(ref, process.runner.name, process.index)
  try {
    await writeFile(join(directory, 'down'), '')
    await syncDirectory(directory)
  } catch (error) {
    // It was never started.
    if (hasErrno(error, 'ENOENT')) return
    throw error
  }
  const timeout = process.runner.stopTimeout * 1000
  const main = serviceState(directory).pid
  if (control(directory, 'd')) await awaitDown(directory, timeout)
  // Without a supervise the process may run all the same; with one it may have left others behind.
  const mains = main === undefined ? [] : [main]
  await endMembers(() => partOf(membersOf(ctx.paths, ref), mains), [{ directory, timeout }], timeout)
  // The start after a pause is no restart of something that has crashed.
  await rm(join(directory, 'starts'), { force: true })
}

/** supervise sends the signals: it may be just about to start the process again under another pid. */
async function awaitDown(directory: string, timeout: number): Promise<void> {
  const deadline = performance.now() + timeout
  for (let killed = false; ; await delay(3)) {
    const state = serviceState(directory)
    if (!state.supervised || (state.pid === undefined && state.want === 'down')) return
    if (killed || performance.now() < deadline) continue
    // supervise does not listen in the first second after a start; then it does both in order.
    killed = control(directory, 'k')
  }
}

/** Those that descend from the processes, or are in a process group of theirs. */
function partOf(members: readonly ProcessEntry[], mains: readonly number[]): ProcessEntry[] {
  const groups = new Set(mains)
  const roots = members.filter(({ pid, group }) => groups.has(pid) || groups.has(group))
  const found = withDescendants(
    roots.map(({ pid }) => pid),
    members,
  )
  return members.filter(({ pid }) => found.has(pid))
}

/**
 * Starts again what {@link pauseProcesses} has stopped, and waits until it is
 * healthy. Also after a reboot, and if all of the release has died meanwhile. Who is not
 * healthy in time is told of, not thrown: the caller is going back to this release because it has no other.
 */
export async function resumeProcesses(ctx: Context, release: Release, output: Output): Promise<void> {
  const processes = processesOf(release)
  if (processes.length === 0) return
  const directories = processes.map(({ runner, index }) => ctx.paths.service(release, runner.name, index))
  try {
    // Several pauses soon after each other are no crashes, after which a start would be delayed.
    const files = directories.flatMap((directory) => [join(directory, 'hasty'), join(directory, 'down')])
    await Promise.all(files.map((file) => rm(file, { force: true })))
    if (directories.some((directory) => !isSupervised(directory))) await startServices(ctx, release)
    for (const directory of directories) control(directory, 'u')
    await waitHealthy(ctx, release, { output })
  } catch (error) {
    output.line(`the former release ${release.release} is not well: ${messageOf(error)}`)
    const { repo, branch } = release
    const fields = { repo, branch, release: release.release, error: messageOf(error) }
    ctx.log.error(fields, 'a release is not healthy after its pause')
  }
}

function chosen(release: Release, runners: readonly string[] | undefined): ReleaseProcess[] {
  return processesOf(release).filter(({ runner }) => runners?.includes(runner.name) ?? true)
}
