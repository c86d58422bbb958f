/** Runs a deploy: the phases in order, each journalled; a failure before SWITCH undoes them, newest first. */
import { requireMain } from '../config/broken.ts'
import type { Context } from '../context.ts'
import { messageOf, PypaasError, systemFailure } from '../errors.ts'
import { urlsOf } from '../nginx/urls.ts'
import type { BranchRef, ReleaseRef } from '../paths.ts'
import type { Release } from '../release.ts'
import { tee, type Output } from '../system/output.ts'
import { listDirectory, liveRelease, liveReleaseName } from '../system/state.ts'
import { runAfterDeploy } from './after-deploy.ts'
import { onCancelRequest } from './cancel.ts'
import { sourceOf, type Deploy, type Order } from './deploy.ts'
import { refuseIfFrozen } from './freeze.ts'
import { deployLog, Journal, KEEP_DEPLOYS, pruneRecords, type DeployRecord } from './journal.ts'
import { Meanwhile } from './meanwhile.ts'
import { phases } from './phases/index.ts'
import { planDeploy, type PhaseName } from './plan.ts'
import { recoverBranch } from './recover.ts'
import { nextReleaseName } from './release-name.ts'
import { deployLogger, Report } from './report.ts'
import { undoPhases } from './undo.ts'
import { noteFinished, noteUnfinished } from './unfinished.ts'

export interface DeployOptions {
  readonly output: Output
  /** Cancels the deploy until SWITCH. */
  readonly signal: AbortSignal
  /** Told the deploy's id as soon as it has one. */
  readonly onBegin?: (ref: ReleaseRef) => void
}

/**
 * Makes a commit live, and returns once it is. Ending the former release is left to `settle`. The caller holds
 * the branch's lock (`branch-lock.ts`).
 * @returns the release; undefined after a dry run
 * @throws PypaasError if it failed or was cancelled; the former release is then still live
 */
export async function runDeploy(
  ctx: Context,
  order: Order,
  options: DeployOptions,
): Promise<Release | undefined> {
  requireMain(ctx.config)
  const ref = { repo: order.branch.repo, branch: order.branch.branch }
  if (order.kind !== 'revert') await refuseIfFrozen(ctx, ref)
  await recoverBranch(ctx, ref)
  const former = await liveRelease(ctx.paths, ref)
  const name = nextReleaseName(ctx.now(), order.commit, await usedNames(ctx, ref))
  const release = { ...ref, release: name }
  const cancel = new AbortController()
  const abort = (): void => cancel.abort(options.signal.reason)
  if (options.signal.aborted) abort()
  options.signal.addEventListener('abort', abort, { once: true })
  const unwatch = onCancelRequest(ctx.paths, release, (reason) => cancel.abort(reason))
  const logger = deployLogger(ctx.config.main.deployLoggerCmd, ctx.baseEnv)
  const checkout = order.built?.checkout ?? name
  noteUnfinished(ctx.paths, release)
  options.onBegin?.(release)
  const deploy: Deploy = {
    ctx,
    ref: release,
    builds: order.built === undefined,
    former,
    report: new Report(tee(options.output, deployLog(ctx.paths, release), logger)),
    order,
    signal: cancel.signal,
    checkout,
    target: { path: ctx.paths.checkout(ref, checkout), commit: order.commit, env: order.branch.env },
    staged: undefined,
    nginxLock: undefined,
    meanwhile: new Meanwhile(),
    ports: new Map(),
    release: undefined,
  }
  try {
    return await runPhases(deploy)
  } finally {
    await deploy.nginxLock?.release()
    options.signal.removeEventListener('abort', abort)
    // How the deploy has ended stays as it is.
    await unwatch().catch((error: unknown) => {
      ctx.log.error(
        { ...release, error: messageOf(error) },
        'a request to cancel a deploy could not be removed',
      )
    })
    await logger.end()
  }
}

async function runPhases(deploy: Deploy): Promise<Release | undefined> {
  const { ctx, ref, order, report, former } = deploy
  const journal = new Journal(ctx, firstRecord(deploy))
  const what = order.dryRun === true ? `dry run of ${order.kind}` : order.kind
  const whence = sourceOf(order) ?? order.commit.slice(0, 11)
  report.heading(`${ref.repo} ${ref.branch}: ${what} of ${whence} ${order.subject}`)
  let current: PhaseName | undefined
  try {
    for (const name of planDeploy(order, former)) {
      current = name
      if (deploy.signal.aborted) throw new PypaasError('cancelled', 'the deploy was cancelled')
      const phase = phases[name]
      const heading = phase.heading?.(deploy)
      await journal.phase(name, () =>
        heading === undefined ? phase.apply(deploy) : report.step(heading, () => phase.apply(deploy)),
      )
    }
  } catch (thrown) {
    const error = reasonOf(thrown, deploy.signal)
    report.failure(deploy.meanwhile.failed ?? current ?? 'deploy', error)
    await deploy.meanwhile.ended()
    // From the rename of SWITCH on nothing is undone, whatever fails after it.
    if ((await liveReleaseName(ctx.paths, ref)) === ref.release) return liveAllTheSame(deploy)
    const undone = await undoPhases(deploy, journal.record.phases)
    // The log is whole before the record says that the deploy has ended: somebody may follow it.
    report.warning(stillLive(deploy))
    await noting(deploy, async () => {
      if (!undone) return journal.undoing(error.message)
      journal.end(error.code === 'cancelled' ? 'cancelled' : 'failed', error.message)
      await noteFinished(ctx.paths, ref)
    })
    throw new PypaasError(error.code, `the deploy of ${ref.repo} ${ref.branch} failed: ${error.message}`, {
      cause: thrown,
      reported: true,
    })
  }
  if (order.dryRun === true) {
    await deploy.meanwhile.ended()
    await undoPhases(deploy, journal.record.phases)
    report.heading(`Dry run: all of it works (${report.elapsed}); nothing was changed`)
    journal.end('succeeded')
    await noteFinished(ctx.paths, ref)
    return undefined
  }
  await noting(deploy, () => journal.switched())
  if (order.branch.hooks.after_deploy !== undefined && deploy.builds) await runAfterDeploy(deploy)
  const urls = urlsOf(ctx.config, ref)
  const where = urls.length === 0 ? '' : ` at ${urls.join(' ')}`
  report.heading(`Live${where}: release ${ref.release}, ${report.elapsed} in all`)
  await noting(deploy, () => journal.end('succeeded'))
  return deploy.release
}

/** Its journal does not say that it has ended: recovery finishes what is left, nginx's part included. */
function liveAllTheSame({ report, ref, release }: Deploy): Release | undefined {
  report.warning(
    `The new release ${ref.release} is live all the same; the next command finishes what is left.`,
  )
  return release
}

/** What becomes of a deploy does not hang on its journal: what it does not say, recovery finds out. */
async function noting({ ctx, ref }: Deploy, write: () => Promise<void> | void): Promise<void> {
  try {
    await write()
  } catch (error) {
    ctx.log.error({ ...ref, error: messageOf(error) }, 'the journal of a deploy could not be written')
  }
}

function firstRecord({ ctx, ref, order, former, builds }: Deploy): DeployRecord {
  const source = sourceOf(order)
  return {
    ...ref,
    kind: order.kind,
    commit: order.commit,
    subject: order.subject,
    ...(source === undefined ? {} : { source }),
    by: order.by,
    ...(order.message === undefined ? {} : { message: order.message }),
    ...(order.dryRun === true ? { dryRun: true } : {}),
    builds,
    started: ctx.now().toISOString(),
    result: 'running',
    ...(former === undefined ? {} : { former: former.release }),
    phases: [],
    switched: false,
  }
}

function stillLive({ ref, former }: Deploy): string {
  return former === undefined
    ? `Nothing of ${ref.repo} ${ref.branch} is live yet.`
    : `The former release ${former.release} is still live.`
}

/** Everything that has carried a name, so that none is used twice. */
async function usedNames(ctx: Context, ref: BranchRef): Promise<string[]> {
  const live = await liveReleaseName(ctx.paths, ref)
  const records = await pruneRecords(ctx.paths, ref, live, KEEP_DEPLOYS - 1)
  return [
    ...records.map(({ release }) => release),
    ...(await listDirectory(ctx.paths.checkoutsOf(ref))),
    ...(await listDirectory(ctx.paths.releases(ref))),
    ...(live === undefined ? [] : [live]),
  ]
}

/** Why the phase failed; if it was cancelled by somebody, that rather than what it was at. */
function reasonOf(thrown: unknown, signal: AbortSignal): PypaasError {
  const cancelled = thrown instanceof PypaasError && thrown.code === 'cancelled'
  if (cancelled && signal.reason instanceof PypaasError) return signal.reason
  if (thrown instanceof PypaasError) return thrown
  return systemFailure(thrown) ?? new PypaasError('failed', messageOf(thrown), { cause: thrown })
}
