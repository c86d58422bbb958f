/** Services of a host that was taken over from pyPaaS, where a branch's services lie in the host's svscan. */
import { lstat, readFile, rm, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { hasErrno } from '../errors.ts'
import type { BranchRef } from '../paths.ts'
import { readLinkIfThere } from '../system/files.ts'
import { listDirectory } from '../system/state.ts'
import { control, isSupervised } from './daemontools.ts'

/** Milliseconds between TERM and KILL. pyPaaS had no setting for it. */
const STOP_TIMEOUT = 10_000

/**
 * Names, in `services/`, of what pyPaaS runs for a branch: symbolic links to
 * directories just below `services-real/`, whose run script changes to a checkout
 * of the branch. What pypaas makes there are directories.
 */
export async function legacyServicesOf(ctx: Context, ref: BranchRef): Promise<string[]> {
  const { paths } = ctx
  const found: string[] = []
  for (const name of await listDirectory(paths.services)) {
    const directory = await legacyDirectory(ctx, name)
    if (directory === undefined) continue
    const script = await readFile(join(directory, 'run'), 'utf8').catch(() => '')
    // pyPaaS took the names as they were; paths.ts encodes some characters.
    const roots = [paths.checkoutsOf(ref), join(paths.checkouts, ref.repo, ref.branch)]
    if (roots.some((root) => runsIn(script, root))) found.push(name)
  }
  return found
}

/**
 * Whether a run script works in a checkout just below `root`. A checkout's name
 * begins with the time, which tells the branch `a` from `a/b`. Pure.
 */
export function runsIn(script: string, root: string): boolean {
  for (let at = script.indexOf(`${root}/`); at >= 0; at = script.indexOf(`${root}/`, at + 1)) {
    const before = at === 0 ? ' ' : script.charAt(at - 1)
    const behind = script.slice(at + root.length + 1)
    if (/[\s'"=]/.test(before) && /^\d{8}_\d{6}(?:[^/]*)(?:[/\s'";]|$)/.test(behind)) return true
  }
  return false
}

/** Ends what pyPaaS runs for a branch and removes it. Idempotent. */
export async function stopLegacyServices(ctx: Context, ref: BranchRef): Promise<void> {
  await Promise.all(
    (await legacyServicesOf(ctx, ref)).map(async (name) => {
      const directory = await legacyDirectory(ctx, name)
      await unlink(join(ctx.paths.services, name))
      if (directory === undefined) return
      await endSupervise(directory)
      // svscan keeps the pipe open, so that the log's reader never sees its end.
      await endSupervise(join(directory, 'log'))
      await rm(directory, { recursive: true, force: true })
    }),
  )
}

/** Where the link `services/<name>` points to. Undefined: it is no service of pyPaaS. */
async function legacyDirectory(ctx: Context, name: string): Promise<string | undefined> {
  const link = join(ctx.paths.services, name)
  const target = await readLinkIfThere(link)
  if (target === undefined) return undefined
  const directory = resolve(dirname(link), target)
  if (dirname(directory) !== ctx.paths.servicesReal) return undefined
  try {
    return (await lstat(directory)).isDirectory() ? directory : undefined
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** `svc -dx`, then KILL. */
async function endSupervise(directory: string): Promise<void> {
  const deadline = performance.now() + STOP_TIMEOUT
  if (!control(directory, 'd', 'x')) return
  while (isSupervised(directory)) {
    if (performance.now() > deadline) control(directory, 'k')
    await delay(5)
  }
}
