/** Which processes belong to a release: not only those that supervise knows of. */
import { realpathSync } from 'node:fs'
import type { Paths, ReleaseRef } from '../paths.ts'
import {
  linkOf,
  openFilesOf,
  processTable,
  startedWith,
  withDescendants,
  type ProcessEntry,
} from '../system/process-table.ts'
import { MARK } from './scripts.ts'

/** What the variable `PYPAAS_RELEASE` holds in every process of the release: the same for no other one of the host. */
export function markOf(paths: Paths, ref: ReleaseRef): string {
  return paths.hostService(ref)
}

/**
 * Every running process of the release. All of it is started with the release's
 * mark; its svscan leads a session, and so does each process. Whole sessions are
 * taken, and what descends from them: so a process is found that has lost its
 * parent, and one that has overwritten its environment (nginx, uwsgi and gunicorn
 * write their titles there). This process itself is left out: an app may call pypaas.
 */
export function membersOf(paths: Paths, ref: ReleaseRef): ProcessEntry[] {
  const table = processTable()
  const mark = `${MARK}=${markOf(paths, ref)}`
  const pids = new Set(table.map(({ pid }) => pid))
  const marked = new Map<number, boolean>()
  for (const { pid, session } of table) {
    if (session === 0 || marked.get(session) === true) continue
    // A session is led by whoever made it, so looking at its leader is enough while that one lives.
    if (pids.has(session)) {
      if (!marked.has(session)) marked.set(session, startedWith(session, mark))
    } else marked.set(session, startedWith(pid, mark))
  }
  const roots = table.filter(({ session }) => marked.get(session) === true)
  const members = withDescendants(
    roots.map(({ pid }) => pid),
    table,
  )
  return table.filter(({ pid }) => members.has(pid) && pid !== process.pid)
}

/** Processes that have the release's lock file open, whatever they are; those that only wait for it left out. */
export function lockHoldersOf(paths: Paths, ref: ReleaseRef): ProcessEntry[] {
  const path = realpathSync(paths.releaseLock(ref))
  return processTable().filter(
    ({ pid, name }) =>
      pid !== process.pid && name !== 'setlock' && name !== 'flock' && openFilesOf(pid).includes(path),
  )
}

/** Whether a supervise is one for a log: it works in the `log` directory of a service. */
export function worksInLog(pid: number): boolean {
  return linkOf(pid, 'cwd')?.endsWith('/log') === true
}
