/** The processes of a build: marked, so that what they leave behind is found and ended. */
import type { Context } from '../context.ts'
import { BUILD_MARK } from '../environment.ts'
import type { ReleaseRef } from '../paths.ts'
import type { Output } from '../system/output.ts'
import { endMarked } from '../system/marked.ts'
import { uptime } from '../system/processes.ts'

/** Seconds by which a process may seem to have begun too early: its start is rounded down. */
const ROUNDING = 0.02

/** The deploy's context with the mark in its environment. */
export function marked(ctx: Context, ref: ReleaseRef): Context {
  return { ...ctx, baseEnv: { ...ctx.baseEnv, [BUILD_MARK]: markOf(ctx, ref) } }
}

/**
 * Runs programs of a deploy, marked. What they leave in the background ends with them.
 * @param ran whether there have been any; default: yes
 */
export async function withoutTrace(
  ctx: Context,
  ref: ReleaseRef,
  output: Output,
  work: (ctx: Context) => Promise<void>,
  ran: () => boolean = () => true,
): Promise<void> {
  const since = (await uptime()) - ROUNDING
  await work(marked(ctx, ref))
  if (!ran()) return
  const left = await endBuild(ctx, ref, since)
  if (left.length > 0) output.line(`ended what was left running in the background: ${left.join(', ')}`)
}

/**
 * Ends what is left of a deploy's builds and hooks, also in sessions of their own.
 * @param since looks only at what began after this: seconds since the start of the host. It is much cheaper.
 * @returns the names of the programs
 */
export function endBuild(ctx: Context, ref: ReleaseRef, since = 0): Promise<string[]> {
  return endMarked(markOf(ctx, ref), since)
}

function markOf({ paths }: Context, ref: ReleaseRef): string {
  return paths.checkout(ref, ref.release)
}
