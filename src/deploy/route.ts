/** What nginx should route to, from the configuration and what is live; the step that everything ends in. */
import type { Context } from '../context.ts'
import { inMaintenance } from '../maintenance.ts'
import { stageNginx, type Staged } from '../nginx/apply.ts'
import { renderFiles } from '../nginx/render.ts'
import { nginxView, type LiveBranch } from '../nginx/view.ts'
import type { BranchRef } from '../paths.ts'
import type { Release } from '../release.ts'
import { withLock } from '../system/lock.ts'
import type { Output } from '../system/output.ts'
import { liveRelease } from '../system/state.ts'

/** A release to be treated as the live one of its branch, out of maintenance: how a deploy looks ahead. */
export interface Ahead {
  readonly ref: BranchRef
  readonly release: Release
}

/** Stages nginx's files for what is live, or will be. The caller holds `nginx.lock`. */
export async function stageTraffic(ctx: Context, ahead?: Ahead): Promise<Staged> {
  const live = await liveBranches(ctx, ahead)
  return stageNginx(ctx, await renderFiles(await nginxView(ctx, live)))
}

/** Makes nginx route to what is live now. Does nothing if it does so already. */
export async function routeTraffic(
  ctx: Context,
  output: Output,
): Promise<{ readonly oldWorkers: readonly number[] }> {
  const options = { what: 'routing', now: ctx.now() }
  return withLock(ctx.paths.runFile('nginx.lock'), options, async () => {
    const staged = await stageTraffic(ctx)
    for (const { domain, reason } of staged.blocked) {
      output.line(`nginx refuses the domain ${domain}, which stays as it was: ${reason}`)
    }
    return staged.activate()
  })
}

async function liveBranches(ctx: Context, ahead: Ahead | undefined): Promise<LiveBranch[]> {
  const maintained = await inMaintenance(ctx)
  const branches = [...ctx.config.repos.values()].flatMap((repo) => [...repo.branches.values()])
  return Promise.all(
    branches.map(async ({ repo, branch }) => {
      const ref = { repo, branch }
      const root = ctx.paths.currentCheckout(ref)
      if (ahead?.ref.repo === repo && ahead.ref.branch === branch) {
        return { ref, release: ahead.release, maintenance: false, root }
      }
      return { ref, release: await liveRelease(ctx.paths, ref), maintenance: maintained(ref), root }
    }),
  )
}
