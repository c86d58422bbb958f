/** At most `builds.parallel` builds at once on the host, whichever processes they are in. */
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { lock, type Lock } from '../system/lock.ts'
import type { Output } from '../system/output.ts'

/** Takes a free slot, or waits for one. The kernel gives it back when its holder dies. */
export async function takeBuildSlot(
  ctx: Context,
  what: string,
  output: Output,
  signal: AbortSignal,
): Promise<Lock> {
  const { parallel } = ctx.config.main.builds
  const slot = (number: number): string => ctx.paths.runFile(`build-${number}.lock`)
  const options = { what, now: ctx.now(), signal }
  for (let number = 0; number < parallel; number++) {
    try {
      return await lock(slot(number), { ...options, wait: 0 })
    } catch (error) {
      if (!(error instanceof PypaasError) || error.code !== 'busy') throw error
    }
  }
  // Those who wait are spread over the slots.
  return lock(slot(process.hrtime()[1] % parallel), {
    ...options,
    onWait: (holder) =>
      output.line(`waiting for the ${holder?.what ?? 'other builds'} (builds: {parallel: ${parallel}})`),
  })
}
