/** Ending former releases: they finish their requests, then their processes stop; their logs stay. */
import { rm } from 'node:fs/promises'
import type { Context } from '../context.ts'
import { awaitDrained } from '../nginx/drain.ts'
import { portsInFiles } from '../nginx/upstreams.ts'
import type { BranchRef, ReleaseRef } from '../paths.ts'
import { freeLegacyPorts, freePorts, legacyPortsOf, portsOfRelease } from '../ports.ts'
import { processesOf } from '../release.ts'
import { legacyServicesOf, stopLegacyServices } from '../services/legacy.ts'
import { delist, retireServices, startedReleases, stopServices } from '../services/tree.ts'
import { tryLock } from '../system/lock.ts'
import type { Output } from '../system/output.ts'
import { liveReleaseName, readRelease } from '../system/state.ts'
import { listRecords } from './journal.ts'
import { routeTraffic } from './route.ts'

/**
 * Ends every release of the branch that is neither live nor being deployed, and what pyPaaS runs of it.
 * One that another process is ending is left to it.
 */
export async function retire(
  ctx: Context,
  ref: BranchRef,
  output: Output,
  signal?: AbortSignal,
): Promise<void> {
  const former = await formerReleases(ctx, ref)
  if (former.length > 0) {
    // nginx may not have followed if the process that switched was cut short.
    await routeTraffic(ctx, output)
    await Promise.all(former.map((release) => retireRelease(ctx, release, output, signal)))
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

async function retireRelease(
  ctx: Context,
  ref: ReleaseRef,
  output: Output,
  signal: AbortSignal | undefined,
): Promise<void> {
  const lockFile = retireLock(ctx, ref)
  const held = await tryLock(lockFile, { what: `end of ${ref.release}`, now: ctx.now() })
  if (held === undefined) return
  try {
    const release = await readRelease(ctx.paths, ref)
    const ports = await portsOfRelease(ctx, ref)
    const timeout = ctx.config.main.drainTimeout
    const uncounted = release === undefined ? [] : portsInFiles(release)
    if ((await awaitDrained(ctx, { oldPorts: ports, uncounted, timeout, signal })) === 'timeout') {
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

/** Held by the process that ends the release. */
function retireLock({ paths }: Context, ref: ReleaseRef): string {
  return `${paths.releaseLock(ref)}.retire`
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
