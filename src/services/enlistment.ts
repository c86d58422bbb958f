/** The host's svscan and the releases that it starts after a reboot: one service a live release. */
import { mkdir, open, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { hasErrno } from '../errors.ts'
import type { ReleaseRef } from '../paths.ts'
import { syncDirectory, temporaryBeside } from '../system/files.ts'
import { isRunning, linkOf, processEntry, processTable, sendSignal } from '../system/process-table.ts'
import { readTemplate } from '../templates.ts'
import { serviceState } from './daemontools.ts'
import { markOf } from './members.ts'
import { renderHostScript } from './scripts.ts'

/**
 * From now on the release comes up after a reboot, and when all of it has died.
 * Until then the host's service waits for the release's lock. Durable.
 */
export async function enlist(ctx: Context, ref: ReleaseRef): Promise<void> {
  const target = ctx.paths.hostService(ref)
  const directory = ctx.paths.releaseServices(ref)
  const script = renderHostScript(readTemplate('services/host.mustache'), {
    lock: ctx.paths.releaseLock(ref),
    directory,
    mark: markOf(ctx.paths, ref),
    path: ctx.baseEnv['PATH'] ?? '/usr/bin:/bin',
    log: join(directory, 'svscan.log'),
  })
  await syncTree(directory)
  await syncDirectory(dirname(directory))
  const temporary = temporaryBeside(target)
  await mkdir(temporary, { recursive: true, mode: 0o700 })
  try {
    await writeFile(join(temporary, 'run'), script, { mode: 0o700 })
    await syncTree(temporary)
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    // It is enlisted already.
    if (!hasErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error
  }
  await syncDirectory(dirname(target))
}

/**
 * The host's svscan forgets the release. What runs of the release goes on, also
 * when the host's svscan has started it. Idempotent.
 */
export async function delist(ctx: Context, ref: ReleaseRef): Promise<void> {
  const service = ctx.paths.hostService(ref)
  const aside = temporaryBeside(service)
  try {
    await rename(service, aside)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return
    throw error
  }
  await syncDirectory(dirname(service))
  await endHostService(aside)
  await rm(aside, { recursive: true, force: true })
}

/** Finishes a {@link delist} that was cut short: `aside` is what it has left in `services/`. */
export async function finishDelisting(aside: string): Promise<void> {
  await endWorkersIn(new Set([await realpath(aside).catch(() => aside)]))
  await rm(aside, { recursive: true, force: true })
}

/**
 * Ends the supervise of a host's service and a `setlock` that waits below it,
 * but not the svscan of a release. The host's svscan must not look at the directory any more.
 */
async function endHostService(directory: string): Promise<void> {
  const path = await realpath(directory)
  const state = serviceState(path)
  const child = state.supervised && state.pid !== undefined ? processEntry(state.pid) : undefined
  if (child === undefined || processEntry(child.parent)?.name !== 'supervise') {
    // Between two starts, or so new that it has written no status.
    await endWorkersIn(new Set([path]))
    return
  }
  sendSignal(child.parent, 'SIGKILL')
  if (linkOf(child.pid, 'cwd') === path) sendSignal(child.pid, 'SIGKILL')
  while (isRunning(child.parent)) await delay(1)
}

/** Kills all processes whose working directory is one of these. The svscan of a release works in the release's. */
export async function endWorkersIn(directories: ReadonlySet<string>): Promise<void> {
  for (;;) {
    const pids = processTable().flatMap(({ pid }) => {
      const cwd = linkOf(pid, 'cwd')
      return cwd !== undefined && directories.has(cwd) ? [pid] : []
    })
    if (pids.length === 0) return
    for (const pid of pids) sendSignal(pid, 'SIGKILL')
    await delay(1)
  }
}

/** Files and directories below `directory`, and itself, to the disk. FIFOs and what grows (logs) are left out. */
async function syncTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true })
  await Promise.all(
    entries.map(async (entry) => {
      const path = join(directory, entry.name)
      if (entry.isDirectory() && entry.name !== 'supervise' && entry.name !== 'main') await syncTree(path)
      else if (entry.isFile() && ['run', 'app', 'env'].includes(entry.name)) await syncFile(path)
    }),
  )
  await syncDirectory(directory)
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
