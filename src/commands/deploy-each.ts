/** Deploys of what is live already, for one branch or for several in turn. */
import type { BranchConfig } from '../config/types.ts'
import { lockBranch } from '../deploy/branch-lock.ts'
import { runDeploy } from '../deploy/pipeline.ts'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { commitOf, subjectOf } from '../git/repository.ts'
import type { BranchRef } from '../paths.ts'
import { tee } from '../system/output.ts'
import { liveRelease } from '../system/state.ts'
import type { Invocation } from './command.ts'
import { branchesOf } from './lookup.ts'
import { waitOf } from './wait.ts'
import { printFailure } from './run-request.ts'

/** Goes on after a failure; returns the worst exit status. */
export async function deployEach(invocation: Invocation, kind: 'rebuild' | 'restart'): Promise<number> {
  const { ctx, args, err, session } = invocation
  const one = args[1] !== undefined
  let worst = 0
  for (const branch of branchesOf(ctx, args[0], args[1])) {
    try {
      if (await deployOne(invocation, kind, branch)) {
        session.settleLater({ repo: branch.repo, branch: branch.branch })
      } else if (one) {
        throw new PypaasError('failed', `${branch.repo} ${branch.branch} has never been deployed`, {
          hint: 'push it first',
        })
      }
    } catch (error) {
      worst = Math.max(worst, printFailure(error, err))
    }
  }
  return worst
}

/** False: there is nothing to deploy. What is live is looked up under the lock: a push may be about to change it. */
async function deployOne(
  { ctx, out, session, options: given }: Invocation,
  kind: 'rebuild' | 'restart',
  branch: BranchConfig,
): Promise<boolean> {
  const ref = { repo: branch.repo, branch: branch.branch }
  const output = session.watch === undefined ? out : tee(out, session.watch)
  const options = { output, signal: session.signal, wait: waitOf(given) }
  const held = await lockBranch(ctx, ref, `${kind} of ${ref.repo} ${ref.branch} by ${session.who}`, options)
  try {
    const live = await liveRelease(ctx.paths, ref)
    const commit = live ?? (await headOf(ctx, ref))
    if (commit === undefined || (kind === 'restart' && live === undefined)) return false
    if (kind === 'rebuild' && live?.source !== undefined) throw notBuiltHere(live, live.source)
    const built =
      kind === 'restart' && live !== undefined
        ? { built: { checkout: live.checkout, source: live.source } }
        : {}
    const { commit: id, subject } = commit
    await runDeploy(ctx, { kind, branch, commit: id, subject, by: session.who, ...built }, options)
    return true
  } finally {
    await held.release()
  }
}

function notBuiltHere({ repo, branch }: BranchRef, source: string): PypaasError {
  const artifact = /^artifact:(.*)@([^@]*)$/.exec(source)
  return new PypaasError('failed', `${repo} ${branch} came from ${source}, so there is no commit to build`, {
    hint:
      artifact === null
        ? 'pull or push it anew; `restart` applies a changed configuration'
        : `\`deploy ${repo}\` installs an artifact, \`restart\` applies a changed configuration`,
  })
}

/** What a host that was taken over from pyPaaS, or whose first deploy failed, has to rebuild: the branch's head. */
async function headOf(
  ctx: Context,
  ref: BranchRef,
): Promise<{ commit: string; subject: string } | undefined> {
  const commit = await commitOf(ctx, ref.repo, `refs/heads/${ref.branch}`)
  return commit === undefined ? undefined : { commit, subject: await subjectOf(ctx, ref.repo, commit) }
}
