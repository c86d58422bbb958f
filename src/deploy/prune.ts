/** Removes releases, checkouts and deploy logs beyond what is kept. Never what is live. */
import { rm } from 'node:fs/promises'
import type { Context } from '../context.ts'
import type { BranchRef } from '../paths.ts'
import { removeServices, startedReleases } from '../services/tree.ts'
import { listDirectory, listReleases, liveReleaseName, removeRelease } from '../system/state.ts'
import { listRecords, logFile, recordFile } from './journal.ts'

/** How many deploys of a branch the journal keeps. */
const KEEP_DEPLOYS = 50

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

/** Prunes one branch. The caller holds its lock. */
export async function pruneBranch(ctx: Context, ref: BranchRef): Promise<void> {
  const { paths, config } = ctx
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
    config.main.releases.keep,
  )
  for (const release of plan.releases) {
    await removeRelease(paths, { ...ref, release })
    await removeServices(ctx, { ...ref, release })
  }
  for (const name of plan.checkouts) await rm(paths.checkout(ref, name), { recursive: true, force: true })
  for (const record of records.slice(0, -KEEP_DEPLOYS)) {
    await rm(recordFile(paths, record), { force: true })
    await rm(logFile(paths, record), { force: true })
  }
}
