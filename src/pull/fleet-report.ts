/** What a host tells its fleet apart from any turn: what is live here, and how it is. */
import { appIn, versionIn } from '../apps/source.ts'
import type { Context } from '../context.ts'
import { reportLive } from '../fleet/report.ts'
import type { RollRef } from '../fleet/roll.ts'
import type { BranchRef } from '../paths.ts'
import type { Release } from '../release.ts'
import { releaseStatus } from '../services/status.ts'
import { liveRelease } from '../system/state.ts'

/**
 * Of a branch on which something was deployed by hand: if a version of an app is live there, nobody may remove that
 * from the repository. A branch with a source is reported by those who look at that: they know what failed there.
 */
export async function reportBranch(ctx: Context, ref: BranchRef): Promise<void> {
  const branch = ctx.config.repos.get(ref.repo)?.branches.get(ref.branch)
  if (ctx.config.main.fleet === undefined || branch?.source !== undefined) return
  const live = await liveRelease(ctx.paths, ref)
  const app = appIn(live?.source)
  if (live !== undefined && app !== undefined) await reportRelease(ctx, app, live)
}

/** Nothing, without a fleet. A report that cannot be written fails nothing. */
export async function reportRelease(ctx: Context, ref: RollRef, live: Release): Promise<void> {
  if (ctx.config.main.fleet === undefined) return
  const processes = await releaseStatus(ctx, live)
  const health = processes.every(({ state }) => state === 'up') ? 'healthy' : 'failed'
  await reportLive(ctx, ref, { version: liveVersion(live), health })
}

/** The same of a tree, of which only its hooks know how it is: it is current because they were content. */
export async function reportTree(ctx: Context, ref: RollRef, version: string): Promise<void> {
  if (ctx.config.main.fleet !== undefined) await reportLive(ctx, ref, { version, health: 'healthy' })
}

/** What a fleet calls the version of a release: the artifact's, or the commit's first digits. */
export function liveVersion({ source, commit }: Release): string {
  return versionIn(source) ?? commit.slice(0, 11)
}
