/**
 * What is left to do after SWITCH: let the former release finish its requests, end it, run
 * `after_deploy`, prune. Done in the background, and by whoever comes first if it was cut short.
 */
import { rm } from 'node:fs/promises'
import { messageOf, PypaasError } from '../errors.ts'
import type { Context } from '../context.ts'
import { runHook } from '../hooks.ts'
import { awaitDrained } from '../nginx/drain.ts'
import type { BranchRef, ReleaseRef } from '../paths.ts'
import { freeLegacyPorts, freePorts, legacyPortsOf, portsOfRelease } from '../ports.ts'
import { processesOf } from '../release.ts'
import { legacyServicesOf, stopLegacyServices } from '../services/legacy.ts'
import { delist, retireServices, startedReleases, stopServices } from '../services/tree.ts'
import { lock } from '../system/lock.ts'
import { silent, type Output } from '../system/output.ts'
import { liveReleaseName, readRelease } from '../system/state.ts'
import type { Deploy } from './deploy.ts'
import { listRecords } from './journal.ts'
import { pruneBranch } from './prune.ts'
import { routeTraffic } from './route.ts'

/** Ends every release of the branch that is neither live nor being deployed, then prunes. */
export async function settle(ctx: Context, ref: BranchRef): Promise<void> {
  await retire(ctx, ref, silent)
  const options = { what: `pruning of ${ref.repo} ${ref.branch}`, now: ctx.now() }
  const held = await lock(ctx.paths.branchLock(ref), options)
  try {
    await pruneBranch(ctx, ref)
  } finally {
    await held.release()
  }
}

/** Waits for the former release to end, so that the hook's output is part of the push's. */
export async function runAfterDeploy({ ctx, ref, order, target, report }: Deploy): Promise<void> {
  try {
    await report.step('Letting the former release finish its requests', () => retire(ctx, ref, report))
    await report.step('Running the after_deploy hook', () =>
      runHook(ctx, order.branch.hooks.after_deploy, target, report, {
        stage: 'after_deploy',
        timeout: ctx.config.main.builds.timeout,
      }),
    )
  } catch (error) {
    report.failure(
      'after_deploy',
      error instanceof PypaasError ? error : new PypaasError('failed', messageOf(error)),
    )
    report.warning('The new release is live all the same.')
  }
}

async function retire(ctx: Context, ref: BranchRef, output: Output): Promise<void> {
  const former = await formerReleases(ctx, ref)
  if (former.length > 0) {
    // nginx may not have followed if the process that switched was cut short.
    await routeTraffic(ctx, output)
    await Promise.all(former.map((release) => retireRelease(ctx, release, output)))
  }
  await retirePredecessor(ctx, ref, output)
}

/** What pyPaaS runs of the branch, once there is a release in its place: until then it is what answers. */
async function retirePredecessor(ctx: Context, ref: BranchRef, output: Output): Promise<void> {
  if ((await legacyServicesOf(ctx, ref)).length === 0) return
  if ((await liveReleaseName(ctx.paths, ref)) === undefined) return
  await routeTraffic(ctx, output)
  const oldPorts = await legacyPortsOf(ctx, ref)
  await awaitDrained(ctx, { oldPorts, timeout: ctx.config.main.drainTimeout })
  await stopLegacyServices(ctx, ref)
  await freeLegacyPorts(ctx, ref)
}

async function retireRelease(ctx: Context, ref: ReleaseRef, output: Output): Promise<void> {
  const lockFile = `${ctx.paths.releaseLock(ref)}.retire`
  let held
  try {
    held = await lock(lockFile, { what: `end of ${ref.release}`, now: ctx.now(), wait: 0 })
  } catch (error) {
    if (error instanceof PypaasError && error.code === 'busy') return
    throw error
  }
  try {
    const release = await readRelease(ctx.paths, ref)
    const ports = await portsOfRelease(ctx, ref)
    const timeout = ctx.config.main.drainTimeout
    if ((await awaitDrained(ctx, { oldPorts: ports, timeout })) === 'timeout') {
      output.line(`requests to ${ref.release} were still open after ${timeout} s and are cut off`)
    }
    await delist(ctx, ref)
    await stopServices(ctx, ref, release === undefined ? [] : processesOf(release))
    await freePorts(ctx, ref)
    await retireServices(ctx, ref)
    // The release's name never comes again, and who opened this file before finds nothing left to do.
    await rm(lockFile, { force: true })
  } finally {
    await held.release()
  }
}

/** Releases that were started and are neither live nor being deployed. */
async function formerReleases(ctx: Context, ref: BranchRef): Promise<ReleaseRef[]> {
  const live = await liveReleaseName(ctx.paths, ref)
  const running = (await listRecords(ctx.paths, ref)).filter(
    ({ result, switched }) => result === 'running' && !switched,
  )
  const busy = new Set([live, ...running.map(({ release }) => release)])
  return (await startedReleases(ctx, ref))
    .filter((name) => !busy.has(name))
    .map((release) => ({ ...ref, release }))
}
