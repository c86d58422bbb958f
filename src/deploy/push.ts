/** A push: each branch that it moves is deployed, and refused if that fails. */
import type { RepoConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import { messageOf, PypaasError, systemFailure } from '../errors.ts'
import { commitOf, isAncestor, isAt, setBranch, subjectOf } from '../git/repository.ts'
import { parsePushOptions, type PushOptions } from '../git/push-options.ts'
import type { RefUpdate } from '../git/transport.ts'
import { branchOfUpdate } from '../git/update-hook.ts'
import type { BranchRef } from '../paths.ts'
import type { Lock } from '../system/lock.ts'
import type { Output } from '../system/output.ts'
import { liveRelease } from '../system/state.ts'
import { lockForPush } from './branch-lock.ts'
import type { Order } from './deploy.ts'
import { refuseIfFrozen } from './freeze.ts'
import { allowMove, endMove, finishMoves, settleMove, type Move } from './moves.ts'
import { runDeploy, type DeployOptions } from './pipeline.ts'

/** A branch that a push moves. */
export interface Pushed extends BranchRef {
  readonly commit: string
  /** Where it was when the push began; all zeros: nowhere. */
  readonly from: string
  /** Of a deploy that has been done: held until the ref has moved too. */
  readonly lock?: Lock
  /** Of a deploy that is to be done detached. */
  readonly move?: Move
  readonly options: PushOptions
}

export interface PushRun extends DeployOptions {
  /** What the client asked for with `git push -o`. */
  readonly pushOptions: readonly string[]
  /** Pid of the git that moves the ref if it may. */
  readonly git: number
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
  options: PushRun,
): Promise<{ readonly status: number; readonly pushed?: Pushed }> {
  try {
    return { status: 0, pushed: await deployUpdate(ctx, repo, update, by, options) }
  } catch (thrown) {
    const error =
      thrown instanceof PypaasError ? thrown : (systemFailure(thrown) ?? defect(ctx, repo, thrown))
    if (!error.reported) show(options.output, error)
    return { status: error.exitStatus }
  }
}

async function deployUpdate(
  ctx: Context,
  repo: RepoConfig,
  update: RefUpdate,
  by: string,
  options: PushRun,
): Promise<Pushed> {
  const branch = branchOfUpdate(repo, update)
  const ref = { repo: repo.name, branch: branch.branch }
  await refuseIfFrozen(ctx, ref)
  const asked = parsePushOptions(options.pushOptions)
  const { message, dryRun, noCache } = asked
  if (asked.detach && !dryRun) {
    options.output.line(`-----> Detached: \`deploys attach ${ref.repo} ${ref.branch}\` follows the deploy`)
    // Of this process, until there is another one to deploy it.
    const move = await allowMove(ctx, ref, update, options.git, process.pid)
    return { ...ref, commit: update.to, from: update.from, move, options: asked }
  }
  // git looks it up while the lock is being taken.
  const subject = subjectOf(ctx, repo.name, update.to)
  subject.catch(() => {})
  const push = { kind: 'push' as const, branch, commit: update.to, by }
  const held = await lockForPush(ctx, ref, push, options)
  try {
    await finishMoves(ctx, ref)
    const order: Order = {
      ...push,
      subject: await subject,
      dryRun,
      noCache,
      ...(message === undefined ? {} : { message }),
    }
    if (!(await isAt(ctx, ref.repo, ref.branch, update.from))) {
      const present = await commitOf(ctx, ref.repo, `refs/heads/${ref.branch}`)
      await refuseIfLost(ctx, ref, present, update)
    }
    await runDeploy(ctx, order, options)
    if (dryRun) {
      throw new PypaasError('failed', 'it was a dry run', { reported: true })
    }
    if (!(await isAt(ctx, ref.repo, ref.branch, update.from))) {
      // git moves the branch only from where it was when the push began.
      await setBranch(ctx, ref.repo, ref.branch, /^0+$/.test(update.from) ? undefined : update.from)
    }
    return { ...ref, commit: update.to, from: update.from, lock: held, options: asked }
  } catch (error) {
    await held.release()
    throw error
  }
}

/**
 * Another push may have brought `present` while this one waited.
 * @throws PypaasError if this push would take that away
 */
async function refuseIfLost(
  ctx: Context,
  ref: BranchRef,
  present: string | undefined,
  { from, to }: Pick<RefUpdate, 'from' | 'to'>,
): Promise<void> {
  const forced = !/^0+$/.test(from) && !(await isAncestor(ctx, ref.repo, from, to))
  if (forced || (present !== undefined && (await isAncestor(ctx, ref.repo, present, to)))) return
  throw new PypaasError('failed', `the branch ${ref.branch} has moved while this push waited`, {
    hint: 'somebody else has pushed: `git pull`, then push again',
  })
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
    if (held === undefined) continue
    try {
      const live = await liveRelease(ctx.paths, { repo, branch })
      if (live?.commit !== commit || (await isAt(ctx, repo, branch, commit))) continue
      await setBranch(ctx, repo, branch, commit)
    } finally {
      await held.release()
    }
  }
}

/**
 * The deploy of a push whose client did not want to wait. The branch has moved already; if the deploy fails, it
 * goes back to where the live release came from.
 */
export async function deployDetached(
  ctx: Context,
  order: Order,
  move: Move,
  options: DeployOptions,
): Promise<void> {
  const ref = { repo: order.branch.repo, branch: order.branch.branch }
  let held: Lock | undefined
  try {
    held = await lockForPush(ctx, ref, order, options)
    await finishMoves(ctx, ref)
    const live = await liveRelease(ctx.paths, ref)
    if (live !== undefined && live.source === undefined && live.commit !== move.from) {
      await refuseIfLost(ctx, ref, live.commit, move)
    }
    await runDeploy(ctx, order, options)
    await setBranch(ctx, ref.repo, ref.branch, order.commit)
    await endMove(ctx, move)
  } catch (error) {
    // Another push may have moved the branch on meanwhile: then it is for that one to say where it ends.
    await settleMove(ctx, move)
    throw error
  } finally {
    await held?.release()
  }
}

function show(output: Output, error: PypaasError): void {
  output.line(` !     ${error.message}`)
  if (error.where !== undefined) output.line(` !     in ${error.where}`)
  if (error.hint !== undefined) output.line(` !     ${error.hint}`)
}
