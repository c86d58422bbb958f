/** Deploys of what is live already, for one branch or for several in turn. */
import type { BranchConfig } from '../config/types.ts'
import { runDeploy } from '../deploy/pipeline.ts'
import { PypaasError } from '../errors.ts'
import { commitOf, subjectOf } from '../git/repository.ts'
import { tee } from '../system/output.ts'
import { liveRelease } from '../system/state.ts'
import type { Invocation } from './command.ts'
import { branchesOf } from './lookup.ts'
import { printFailure } from './run-request.ts'

/** Goes on after a failure; returns the worst exit status. */
export async function deployEach(invocation: Invocation, kind: 'rebuild' | 'restart'): Promise<number> {
  const { ctx, args, out, err, session } = invocation
  const branches = branchesOf(ctx, args[0], args[1])
  const one = args[1] !== undefined
  let worst = 0
  for (const branch of branches) {
    const ref = { repo: branch.repo, branch: branch.branch }
    try {
      const commit = await commitToDeploy(invocation, branch)
      if (commit === undefined) {
        if (one) {
          throw new PypaasError('failed', `${ref.repo} ${ref.branch} has never been deployed`, {
            hint: 'push it first',
          })
        }
        continue
      }
      const output = session.watch === undefined ? out : tee(out, session.watch)
      const order = { kind, branch, ...commit, by: session.who }
      await runDeploy(ctx, order, { output, signal: session.signal })
      session.settleLater(ref)
    } catch (error) {
      worst = Math.max(worst, printFailure(error, err))
    }
  }
  return worst
}

/** The live commit; for a host taken over from pyPaaS, or a first deploy that failed, the branch's head. */
async function commitToDeploy(
  { ctx }: Invocation,
  { repo, branch }: BranchConfig,
): Promise<{ commit: string; subject: string } | undefined> {
  const live = await liveRelease(ctx.paths, { repo, branch })
  if (live !== undefined) return { commit: live.commit, subject: live.subject }
  const commit = await commitOf(ctx, repo, `refs/heads/${branch}`)
  return commit === undefined ? undefined : { commit, subject: await subjectOf(ctx, repo, commit) }
}
