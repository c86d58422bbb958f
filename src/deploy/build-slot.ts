/** At most `builds.parallel` builds at once on the host, whichever processes they are in. */
import type { Context } from '../context.ts'
import { holderOf, lock, tryLock, type Lock, type LockOptions } from '../system/lock.ts'
import type { Output } from '../system/output.ts'

/** Takes a free slot, or waits for whichever becomes free first. The kernel gives it back when its holder dies. */
export async function takeBuildSlot(
  ctx: Context,
  what: string,
  output: Output,
  signal: AbortSignal,
): Promise<Lock> {
  const { parallel } = ctx.config.main.builds
  const slots = Array.from({ length: parallel }, (_, number) => ctx.paths.runFile(`build-${number}.lock`))
  const options = { what, now: ctx.now(), signal }
  for (const slot of slots) {
    const held = await tryLock(slot, options)
    if (held !== undefined) return held
  }
  const holders = await Promise.all(slots.map(holderOf))
  const others = holders.flatMap((holder) => (holder === undefined ? [] : [`the ${holder.what}`]))
  output.line(
    `waiting for ${others.length === 0 ? 'other builds' : others.join(', or ')} (builds: {parallel: ${parallel}})`,
  )
  return lockFirst(slots, options)
}

/** Waits for all of the locks, and keeps the first that there is. The kernel serves those who wait in their order. */
async function lockFirst(
  paths: readonly string[],
  { signal, ...options }: LockOptions & { readonly signal: AbortSignal },
): Promise<Lock> {
  const over = new AbortController()
  const stop = (): void => over.abort(signal.reason)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  let first: Lock | undefined
  const tries = paths.map(async (path) => {
    const held = await lock(path, { ...options, signal: over.signal })
    // Two may become free at once.
    if (first !== undefined) return held.release()
    first = held
    stop()
  })
  const outcomes = await Promise.allSettled(tries)
  signal.removeEventListener('abort', stop)
  if (first !== undefined) return first
  throw outcomes.find((outcome) => outcome.status === 'rejected')?.reason
}
