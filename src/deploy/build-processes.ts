/** The processes of a build: marked, so that those of a deploy that was killed are found and ended. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { BUILD_MARK } from '../environment.ts'
import type { ReleaseRef } from '../paths.ts'
import { withEnvironment } from '../system/processes.ts'

/** Milliseconds between TERM and KILL. */
const GRACE = 3000

/** The deploy's context with the mark in its environment. */
export function marked(ctx: Context, ref: ReleaseRef): Context {
  return { ...ctx, baseEnv: { ...ctx.baseEnv, [BUILD_MARK]: markOf(ctx, ref) } }
}

/** Ends what is left of a deploy's builds and hooks, also in sessions of their own. */
export async function endBuild(ctx: Context, ref: ReleaseRef): Promise<void> {
  const find = (): Promise<number[]> => withEnvironment(BUILD_MARK, markOf(ctx, ref))
  let left = await find()
  const deadline = performance.now() + GRACE
  for (let name: NodeJS.Signals = 'SIGTERM'; left.length > 0; left = await find()) {
    if (performance.now() > deadline) name = 'SIGKILL'
    for (const pid of left) signal(pid, name)
    await delay(20)
  }
}

function markOf({ paths }: Context, ref: ReleaseRef): string {
  return paths.checkout(ref, ref.release)
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has gone.
  }
}
