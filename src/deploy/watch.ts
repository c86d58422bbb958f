/** Watches a release that has just gone live: does it stay up? */
import { lstat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import type { ReleaseRef } from '../paths.ts'
import { releaseStatus } from '../services/status.ts'
import { liveReleaseName, readRelease } from '../system/state.ts'

/** Milliseconds between two looks. */
const LOOK = 250
/** How often a process may be started again before the release counts as failing. */
const RESTARTS = 2

/**
 * Watches for `watch.seconds` after SWITCH.
 * @returns what fails, in words; undefined if nothing does, or the release is no longer the live one
 */
export async function watchRelease(
  ctx: Context,
  ref: ReleaseRef,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const release = await readRelease(ctx.paths, ref)
  const switched = await lstat(ctx.paths.currentCheckout(ref)).catch(() => undefined)
  if (release === undefined || switched === undefined) return undefined
  const whole = ctx.config.main.watch.seconds * 1000
  // Never longer than that, also if the clock has been put back since.
  const end = performance.now() + Math.min(whole, switched.mtimeMs + whole - ctx.now().getTime())
  while (performance.now() < end) {
    if (signal?.aborted === true) return undefined
    if ((await liveReleaseName(ctx.paths, ref)) !== ref.release) return undefined
    const processes = await releaseStatus(ctx, release)
    // All of it was stopped on purpose, or the host goes down.
    if (processes.every(({ state }) => state === 'unsupervised')) return undefined
    const failing = processes.find(({ restarts }) => restarts >= RESTARTS)
    if (failing !== undefined) {
      return `${failing.runner}-${failing.index} was started ${failing.restarts} times again within ${ctx.config.main.watch.seconds} s`
    }
    await delay(LOOK, undefined, signal === undefined ? {} : { signal }).catch(() => {})
  }
  return undefined
}
