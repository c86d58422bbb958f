/** Removes releases, checkouts and deploy logs beyond what is kept. Never what is live. */
import { rm, stat } from 'node:fs/promises'
import { pruneCache } from '../build/prune-cache.ts'
import type { Context } from '../context.ts'
import type { BranchRef } from '../paths.ts'
import { removeServices, startedReleases } from '../services/tree.ts'
import { tryLock } from '../system/lock.ts'
import { replaceFile } from '../system/files.ts'
import { listBranches, listDirectory, listReleases, liveReleaseName, removeRelease } from '../system/state.ts'
import { listRecords } from './journal.ts'
import { measureHome } from './size.ts'
import { listUnfinished } from './unfinished.ts'

export interface Prunable {
  readonly release: string
  readonly checkout: string
}

export interface PrunePlan {
  readonly releases: readonly string[]
  readonly checkouts: readonly string[]
}

/**
 * What goes, pure: releases beyond the newest `keep` except the live one, and checkouts that no kept
 * release uses and that are in no deploy at work.
 */
export function planPrune(
  releases: readonly Prunable[],
  checkouts: readonly string[],
  live: string | undefined,
  busy: ReadonlySet<string>,
  keep: number,
): PrunePlan {
  const newest = new Set(
    releases
      .map(({ release }) => release)
      .toSorted()
      .slice(-keep),
  )
  const stays = (name: string): boolean => newest.has(name) || name === live || busy.has(name)
  const used = new Set(releases.filter(({ release }) => stays(release)).map(({ checkout }) => checkout))
  return {
    releases: releases.map(({ release }) => release).filter((name) => !stays(name)),
    checkouts: checkouts.filter((name) => !used.has(name) && !busy.has(name)),
  }
}

/**
 * When everything together takes more than `disk.max`: old releases go, a branch at a time, never what is live.
 * Branches whose live release is still watched keep what they may have to go back to.
 * @param settled a branch whose watch is over
 */
export async function pruneHome(ctx: Context, settled?: BranchRef): Promise<void> {
  const { max } = ctx.config.main.disk
  const total = async (): Promise<number> =>
    (await measureHome(ctx)).reduce((sum, part) => sum + part.bytes, 0)
  const due = await isDue(ctx)
  if (!due || (await total()) <= max) return
  for (const ref of await listBranches(ctx.paths)) {
    const isSettled = settled?.repo === ref.repo && settled.branch === ref.branch
    if (!isSettled && (await isUnfinished(ctx, ref))) continue
    const held = await tryLock(ctx.paths.branchLock(ref), { what: 'pruning', now: ctx.now() })
    if (held === undefined) continue
    try {
      await pruneBranch(ctx, ref, 1)
    } finally {
      await held.release()
    }
    if ((await total()) <= max) return
  }
  await pruneCache(ctx, 0)
  if ((await total()) > max) ctx.log.warn({ max }, 'what is live takes more of the disk than `disk.max`')
}

/** Whether something is left to do of the branch's deploys; its live release is watched until then. */
async function isUnfinished(ctx: Context, ref: BranchRef): Promise<boolean> {
  const notes = await listUnfinished(ctx.paths)
  return notes.some(({ repo, branch }) => repo === ref.repo && branch === ref.branch)
}

/** Measuring reads every directory: at most once in ten minutes. */
async function isDue(ctx: Context): Promise<boolean> {
  const stamp = ctx.paths.runFile('measured')
  const last = await stat(stamp).catch(() => undefined)
  if (last !== undefined && Math.abs(ctx.now().getTime() - last.mtimeMs) < 600_000) return false
  await replaceFile(stamp, '')
  return true
}

/** Prunes one branch. The caller holds its lock. */
export async function pruneBranch(
  ctx: Context,
  ref: BranchRef,
  keep: number = ctx.config.main.releases.keep,
): Promise<void> {
  const { paths } = ctx
  const live = await liveReleaseName(paths, ref)
  const records = await listRecords(paths, ref)
  // What still runs, because it is draining, keeps its files.
  const busy = new Set(await startedReleases(ctx, ref))
  for (const { release, result } of records) if (result === 'running') busy.add(release)
  // A pyPaaS checkout that has never been replaced is live without a release.
  if (live === undefined) return
  const plan = planPrune(
    await listReleases(paths, ref),
    await listDirectory(paths.checkoutsOf(ref)),
    live,
    busy,
    keep,
  )
  for (const release of plan.releases) {
    // What a release is known by goes last, so that a removal that is cut short is done again.
    await removeServices(ctx, { ...ref, release })
    await removeRelease(paths, { ...ref, release })
  }
  for (const name of plan.checkouts) await rm(paths.checkout(ref, name), { recursive: true, force: true })
}
