/** What nginx should route to, from the configuration and what is live; the step that everything ends in. */
import { brokenRepos } from '../config/broken.ts'
import type { BranchConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import { inMaintenance } from '../maintenance.ts'
import { stageNginx, type Staged } from '../nginx/apply.ts'
import { basisOf } from '../nginx/basis.ts'
import { stagePorts } from '../nginx/direct.ts'
import { hostFacts } from '../nginx/facts.ts'
import { renderFiles } from '../nginx/render.ts'
import type { LiveBranch } from '../nginx/upstreams.ts'
import { viewOf } from '../nginx/view.ts'
import type { BranchRef } from '../paths.ts'
import type { Release } from '../release.ts'
import { withLock } from '../system/lock.ts'
import type { Output } from '../system/output.ts'
import { listBranches, liveRelease } from '../system/state.ts'
import { predecessorOf } from './predecessor.ts'

/** A release to be treated as the live one of its branch, out of maintenance: how a deploy looks ahead. */
export interface Ahead {
  readonly ref: BranchRef
  readonly release: Release
}

/** Stages nginx's files and ports for what is live, or will be. The caller holds `nginx.lock`. */
export async function stageTraffic(ctx: Context, ahead?: Ahead): Promise<Staged> {
  if (ahead !== undefined) {
    const root = ctx.paths.currentCheckout(ahead.ref)
    const direct = await stagePorts(ctx, { ...ahead, maintenance: false, root })
    if (direct !== undefined) return direct
  }
  const live = await liveBranches(ctx, ahead)
  const facts = await hostFacts(ctx)
  const files = renderFiles(viewOf(ctx.config, live, facts))
  return stageNginx(ctx, files, basisOf(ctx.config, live, facts))
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

/** Configured branches, and those that a broken file would define: what is live of them stays live. */
async function liveBranches(ctx: Context, ahead: Ahead | undefined): Promise<LiveBranch[]> {
  const maintained = await inMaintenance(ctx)
  const configured = [...ctx.config.repos.values()].flatMap(({ branches }) => [...branches.values()])
  const live = await Promise.all(configured.map((branch) => liveBranch(ctx, branch, maintained, ahead)))
  const broken = brokenRepos(ctx.config)
  if (broken.size === 0) return live
  const others = (await listBranches(ctx.paths)).filter(({ repo }) => broken.has(repo))
  const kept = others.map(async (ref) => ({
    ref,
    release: await liveRelease(ctx.paths, ref),
    maintenance: maintained(ref),
    root: ctx.paths.currentCheckout(ref),
  }))
  return [...live, ...(await Promise.all(kept))]
}

async function liveBranch(
  ctx: Context,
  config: BranchConfig,
  maintained: (ref: BranchRef) => boolean,
  ahead: Ahead | undefined,
): Promise<LiveBranch> {
  const { repo, branch } = config
  const ref = { repo, branch }
  const root = ctx.paths.currentCheckout(ref)
  if (ahead?.ref.repo === repo && ahead.ref.branch === branch) {
    return { ref, release: ahead.release, maintenance: false, root }
  }
  const maintenance = maintained(ref)
  const release = await liveRelease(ctx.paths, ref)
  if (release !== undefined) return { ref, release, maintenance, root }
  const predecessor = await predecessorOf(ctx, config)
  return { ref, release: predecessor?.release, maintenance, root: predecessor?.root ?? root }
}
