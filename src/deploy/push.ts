/** A push: each branch that it moves is deployed, and refused if that fails. */
import type { RepoConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import { messageOf, PypaasError } from '../errors.ts'
import { isAt, setBranch, subjectOf } from '../git/repository.ts'
import type { RefUpdate } from '../git/transport.ts'
import { branchOfUpdate } from '../git/update-hook.ts'
import type { BranchRef } from '../paths.ts'
import type { Output } from '../system/output.ts'
import { liveRelease } from '../system/state.ts'
import { runDeploy, type DeployOptions } from './pipeline.ts'

export interface Pushed extends BranchRef {
  readonly commit: string
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
  const refuse = (error: PypaasError): { status: number } => {
    if (!error.reported) show(options.output, error)
    return { status: error.exitStatus }
  }
  let branch
  try {
    branch = branchOfUpdate(repo, update)
  } catch (error) {
    if (error instanceof PypaasError) return refuse(error)
    throw error
  }
  try {
    const subject = await subjectOf(ctx, repo.name, update.to)
    await runDeploy(ctx, { kind: 'push', branch, commit: update.to, subject, by }, options)
    return { status: 0, pushed: { repo: repo.name, branch: branch.branch, commit: update.to } }
  } catch (error) {
    if (!(error instanceof PypaasError)) {
      ctx.log.error(
        { repo: repo.name, error: messageOf(error), stack: stackOf(error) },
        'a push failed unexpectedly',
      )
      return refuse(
        new PypaasError('failed', messageOf(error), {
          hint: 'this is a defect of pypaas; its log on the host says more',
        }),
      )
    }
    return refuse(error)
  }
}

/** After git has ended: the ref and the live release agree, whatever became of git's own update of the ref. */
export async function agree(ctx: Context, pushed: readonly Pushed[]): Promise<void> {
  for (const { repo, branch, commit } of pushed) {
    const live = await liveRelease(ctx.paths, { repo, branch })
    if (live?.commit !== commit) continue
    if (!(await isAt(ctx, repo, branch, commit))) await setBranch(ctx, repo, branch, commit)
  }
}

function show(output: Output, error: PypaasError): void {
  output.line(` !     ${error.message}`)
  if (error.hint !== undefined) output.line(` !     ${error.hint}`)
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined
}
