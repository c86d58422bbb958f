/** Going back to a kept release: its checkout and its snapshot go live again, through the same phases as any deploy. */
import type { BranchConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { setBranch } from '../git/repository.ts'
import type { Release } from '../release.ts'
import { listDirectory, listReleases, liveReleaseName } from '../system/state.ts'
import type { Order } from './deploy.ts'
import { runDeploy, type DeployOptions } from './pipeline.ts'

/**
 * Makes a kept release live again and moves the branch with it. The caller holds the branch's lock.
 * @param name undefined: the one before the live one
 * @throws PypaasError if there is none to go back to, or if it does not start; what was live stays live
 */
export async function rollBack(
  ctx: Context,
  branch: BranchConfig,
  name: string | undefined,
  { kind, by }: Pick<Order, 'by'> & { readonly kind: 'rollback' | 'revert' },
  options: DeployOptions,
): Promise<void> {
  const ref = { repo: branch.repo, branch: branch.branch }
  const live = await liveReleaseName(ctx.paths, ref)
  const checkouts = new Set(await listDirectory(ctx.paths.checkoutsOf(ref)))
  const kept = (await listReleases(ctx.paths, ref)).filter(({ checkout }) => checkouts.has(checkout))
  const target = chooseTarget(kept, live, name)
  if (typeof target === 'string') {
    throw new PypaasError('failed', `${ref.repo} ${ref.branch}: ${target}`, {
      hint: `\`releases ${ref.repo} ${ref.branch}\` lists those that are kept`,
    })
  }
  await runDeploy(ctx, { ...orderOf(branch, target), kind, by }, options)
  // What did not come from the repository has no place in it that the branch could be at.
  if (target.source === undefined) await setBranch(ctx, ref.repo, ref.branch, target.commit)
}

/**
 * The release to go back to, or why there is none. Pure. By default the one that was live before the live one;
 * after a rollback, the one before that which was gone back to: going back twice goes further back.
 */
export function chooseTarget(
  kept: readonly Release[],
  live: string | undefined,
  name: string | undefined,
): Release | string {
  const present = kept.find(({ release }) => release === live)
  if (name !== undefined) {
    const matches = kept.filter(({ release, commit }) => release.startsWith(name) || commit.startsWith(name))
    const [first, ...more] = matches.filter(({ release }) => release !== live).toReversed()
    if (matches.length > 0 && first === undefined) return `${name} is live already`
    if (first === undefined) return `there is no kept release ${JSON.stringify(name)}`
    // Several releases of one commit differ in their settings; the newest is meant, unless it was named in part only.
    if (more.some(({ commit }) => commit !== first.commit))
      return `${JSON.stringify(name)} fits several releases`
    return first
  }
  if (present === undefined) return 'nothing is live, so there is nothing before it'
  const origin = present.origin ?? present.release
  // Whatever is kept has been live, in the order of the names. What a rollback has made counts like any other: it
  // has come in the place of those that were gone back over.
  const before = kept.filter(({ release }) => release < origin).at(-1)
  return before ?? 'there is no kept release before the live one'
}

/** The branch as the release had it, whatever is configured by now. */
function orderOf(branch: BranchConfig, target: Release): Omit<Order, 'kind' | 'by'> {
  return {
    branch: {
      ...branch,
      env: target.env,
      runners: new Map(target.runners.map((runner) => [runner.name, runner])),
    },
    commit: target.commit,
    subject: target.subject,
    built: { checkout: target.checkout, origin: target.origin ?? target.release, source: target.source },
  }
}
