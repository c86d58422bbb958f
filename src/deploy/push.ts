/** A push: each branch that it moves is deployed, and refused if that fails. */
import type { RepoConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import { messageOf, PypaasError } from '../errors.ts'
import { isAt, setBranch, subjectOf } from '../git/repository.ts'
import type { RefUpdate } from '../git/transport.ts'
import { branchOfUpdate } from '../git/update-hook.ts'
import type { BranchRef } from '../paths.ts'
import type { Lock } from '../system/lock.ts'
import type { Output } from '../system/output.ts'
import { liveRelease } from '../system/state.ts'
import { describe, lockBranch } from './branch-lock.ts'
import type { Order } from './deploy.ts'
import { runDeploy, type DeployOptions } from './pipeline.ts'

/** A branch that was deployed by a push. Its lock is held until its ref has moved too. */
export interface Pushed extends BranchRef {
  readonly commit: string
  readonly lock: Lock
}

/**
 * Takes or refuses one ref update. Never throws: the outcome is the hook's exit status, its reason is in the output.
 * @returns exit status and, if it was deployed, what
 */
export async function acceptUpdate(
  ctx: Context,
  repo: RepoConfig,
  update: RefUpdate,
  by: string,
  options: DeployOptions,
): Promise<{ readonly status: number; readonly pushed?: Pushed }> {
  try {
    return { status: 0, pushed: await deployUpdate(ctx, repo, update, by, options) }
  } catch (thrown) {
    const error = thrown instanceof PypaasError ? thrown : defect(ctx, repo, thrown)
    if (!error.reported) show(options.output, error)
    return { status: error.exitStatus }
  }
}

async function deployUpdate(
  ctx: Context,
  repo: RepoConfig,
  update: RefUpdate,
  by: string,
  options: DeployOptions,
): Promise<Pushed> {
  const branch = branchOfUpdate(repo, update)
  const ref = { repo: repo.name, branch: branch.branch }
  const subject = await subjectOf(ctx, repo.name, update.to)
  const order: Order = { kind: 'push', branch, commit: update.to, subject, by }
  const held = await lockBranch(ctx, ref, describe(order), options)
  try {
    if (!(await isAt(ctx, ref.repo, ref.branch, update.from))) {
      throw new PypaasError('failed', `the branch ${ref.branch} has moved while this push waited`, {
        hint: 'somebody else has pushed: `git pull`, then push again',
      })
    }
    await runDeploy(ctx, order, options)
    return { ...ref, commit: update.to, lock: held }
  } catch (error) {
    await held.release()
    throw error
  }
}

function defect(ctx: Context, repo: RepoConfig, thrown: unknown): PypaasError {
  const stack = thrown instanceof Error ? thrown.stack : undefined
  ctx.log.error({ repo: repo.name, error: messageOf(thrown), stack }, 'a push failed unexpectedly')
  return new PypaasError('failed', messageOf(thrown), {
    hint: 'this is a defect of pypaas; its log on the host says more',
  })
}

/** After git has ended: the ref and the live release agree, whatever became of git's own update of the ref. */
export async function agree(ctx: Context, pushed: readonly Pushed[]): Promise<void> {
  for (const { repo, branch, commit, lock: held } of pushed) {
    try {
      const live = await liveRelease(ctx.paths, { repo, branch })
      if (live?.commit !== commit || (await isAt(ctx, repo, branch, commit))) continue
      await setBranch(ctx, repo, branch, commit)
    } finally {
      await held.release()
    }
  }
}

function show(output: Output, error: PypaasError): void {
  output.line(` !     ${error.message}`)
  if (error.hint !== undefined) output.line(` !     ${error.hint}`)
}
