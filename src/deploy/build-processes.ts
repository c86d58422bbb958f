/** The processes of a build: marked, so that what they leave behind is found and ended. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { BUILD_MARK } from '../environment.ts'
import type { ReleaseRef } from '../paths.ts'
import type { Output } from '../system/output.ts'
import { uptime } from '../system/processes.ts'
import { processTable, sendSignal, startedWith, type ProcessEntry } from '../system/process-table.ts'

/** Milliseconds between TERM and KILL. */
const GRACE = 3000
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

/** Ends all processes that carry this mark, as {@link endBuild} does. */
export async function endMarked(mark: string, since = 0): Promise<string[]> {
  const entry = `${BUILD_MARK}=${mark}`
  const find = (): ProcessEntry[] =>
    processTable().filter(
      ({ pid, start }) => start >= since && pid !== process.pid && startedWith(pid, entry),
    )
  let left = find()
  const names = [...new Set(left.map(({ name }) => name))]
  const deadline = performance.now() + GRACE
  for (let name: NodeJS.Signals = 'SIGTERM'; left.length > 0; left = find()) {
    if (performance.now() > deadline) name = 'SIGKILL'
    for (const { pid } of left) sendSignal(pid, name)
    await delay(20)
  }
  return names
}

function markOf({ paths }: Context, ref: ReleaseRef): string {
  return paths.checkout(ref, ref.release)
}
