/** Runs a deploy: the phases in order, each journalled; a failure before SWITCH undoes them, newest first. */
import { requireMain } from '../config/broken.ts'
import type { Context } from '../context.ts'
import { messageOf, PypaasError } from '../errors.ts'
import { urlsOf } from '../nginx/urls.ts'
import type { BranchRef } from '../paths.ts'
import type { Release } from '../release.ts'
import { tee, type Output } from '../system/output.ts'
import { listDirectory, liveRelease, liveReleaseName } from '../system/state.ts'
import type { Deploy, Order } from './deploy.ts'
import { deployLog, listRecords, writeRecord, type DeployRecord } from './journal.ts'
import { phases } from './phases/index.ts'
import { planDeploy, type PhaseName } from './plan.ts'
import { recoverBranch } from './recover.ts'
import { nextReleaseName } from './release-name.ts'
import { deployLogger, Report } from './report.ts'
import { runAfterDeploy } from './settle.ts'
import { undoPhases } from './undo.ts'

export interface DeployOptions {
  readonly output: Output
  /** Cancels the deploy until SWITCH. */
  readonly signal: AbortSignal
}

/**
 * Makes a commit live, and returns once it is. Ending the former release is left to `settle`. The caller holds
 * the branch's lock (`branch-lock.ts`).
 * @throws PypaasError if it failed or was cancelled; the former release is then still live
 */
export async function runDeploy(ctx: Context, order: Order, options: DeployOptions): Promise<Release> {
  requireMain(ctx.config)
  const { repo, branch } = order.branch
  const ref = { repo, branch }
  await recoverBranch(ctx, ref)
  const former = await liveRelease(ctx.paths, ref)
  if (order.kind === 'restart' && former === undefined) {
    throw new PypaasError('failed', `${repo} ${branch} has never been deployed`, { hint: 'push it first' })
  }
  const release = nextReleaseName(ctx.now(), order.commit, await usedNames(ctx, ref))
  const logger = deployLogger(ctx.config.main.deployLoggerCmd, ctx.baseEnv)
  const report = new Report(tee(options.output, deployLog(ctx.paths, { ...ref, release }), logger))
  const checkout = order.kind === 'restart' && former !== undefined ? former.checkout : release
  const deploy: Deploy = {
    ctx,
    ref: { ...ref, release },
    kind: order.kind,
    former,
    report,
    order,
    signal: options.signal,
    checkout,
    target: { path: ctx.paths.checkout(ref, checkout), commit: order.commit, env: order.branch.env },
    staged: undefined,
    nginxLock: undefined,
    release: undefined,
  }
  try {
    return await runPhases(deploy)
  } finally {
    await logger.end()
  }
}

async function runPhases(deploy: Deploy): Promise<Release> {
  const { ctx, ref, order, report, former } = deploy
  let record: DeployRecord = {
    ...ref,
    kind: order.kind,
    commit: order.commit,
    subject: order.subject,
    by: order.by,
    started: ctx.now().toISOString(),
    result: 'running',
    ...(former === undefined ? {} : { former: former.release }),
    begun: [],
    switched: false,
  }
  const note = async (change: Partial<DeployRecord>): Promise<void> => {
    record = { ...record, ...change }
    await writeRecord(ctx.paths, record)
  }
  report.heading(`${ref.repo} ${ref.branch}: ${order.kind} of ${order.commit.slice(0, 11)} ${order.subject}`)
  let phase: PhaseName | undefined
  try {
    for (phase of planDeploy(order.kind, order.branch, former)) {
      if (deploy.signal.aborted) throw new PypaasError('cancelled', 'the deploy was cancelled')
      await note({ begun: [...record.begun, phase] })
      const step = phases[phase]
      const heading = step.heading?.(deploy)
      await (heading === undefined ? step.apply(deploy) : report.step(heading, () => step.apply(deploy)))
    }
  } catch (thrown) {
    const error = thrown instanceof PypaasError ? thrown : unexpected(thrown)
    report.failure(phase ?? 'deploy', error)
    await undoPhases(deploy, record.begun)
    const ended = ctx.now().toISOString()
    await note({ result: error.code === 'cancelled' ? 'cancelled' : 'failed', error: error.message, ended })
    report.warning(
      former === undefined
        ? `Nothing of ${ref.repo} ${ref.branch} is live yet.`
        : `The former release ${former.release} is still live.`,
    )
    throw new PypaasError(error.code, `the deploy of ${ref.repo} ${ref.branch} failed: ${error.message}`, {
      cause: thrown,
      reported: true,
    })
  }
  await note({ switched: true })
  const release = deploy.release as Release
  if (order.branch.hooks.after_deploy !== undefined && order.kind !== 'restart') await runAfterDeploy(deploy)
  await note({ result: 'succeeded', ended: ctx.now().toISOString() })
  const urls = urlsOf(ctx.config, ref)
  const where = urls.length === 0 ? '' : ` at ${urls.join(' ')}`
  report.heading(`Live${where}: release ${ref.release}, ${report.elapsed} in all`)
  return release
}

/** Everything that has carried a name, so that none is used twice. */
async function usedNames(ctx: Context, ref: BranchRef): Promise<string[]> {
  const records = await listRecords(ctx.paths, ref)
  const live = await liveReleaseName(ctx.paths, ref)
  return [
    ...records.map(({ release }) => release),
    ...(await listDirectory(ctx.paths.checkoutsOf(ref))),
    ...(await listDirectory(ctx.paths.releases(ref))),
    ...(live === undefined ? [] : [live]),
  ]
}

function unexpected(thrown: unknown): PypaasError {
  return new PypaasError('failed', messageOf(thrown), { cause: thrown })
}
