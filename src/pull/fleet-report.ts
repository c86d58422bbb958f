/** What a look that finds nothing new tells the fleet: what is live here, and how it is. */
import { versionIn } from '../apps/source.ts'
import type { Context } from '../context.ts'
import { reportLive } from '../fleet/report.ts'
import type { RollRef } from '../fleet/roll.ts'
import type { Release } from '../release.ts'
import { releaseStatus } from '../services/status.ts'

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
