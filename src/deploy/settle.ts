/**
 * What is left to do after SWITCH: watch the new release, end the former one, run `after_deploy`, prune. Done in
 * the background, and by whoever comes first if it was cut short.
 */
import { rm } from 'node:fs/promises'
import { pruneCache } from '../build/prune-cache.ts'
import type { Context } from '../context.ts'
import type { BranchRef, ReleaseRef } from '../paths.ts'
import { isHeld, tryLock } from '../system/lock.ts'
import { silent } from '../system/output.ts'
import { liveReleaseName } from '../system/state.ts'
import { lockBranch } from './branch-lock.ts'
import { listRecords } from './journal.ts'
import { pruneBranch, pruneHome } from './prune.ts'
import { recoverBranch } from './recover.ts'
import { retire } from './retire.ts'
import { revert } from './revert.ts'
import { sweep } from './sweep.ts'
import { listUnfinished, noteFinished } from './unfinished.ts'
import { watchRelease } from './watch.ts'

/** Seconds. Who only looks whether somebody is at it holds the lock for a moment, too. */
const LONGER_THAN_A_LOOK = 0.2

/** Does it for what is live of a branch, unless another process is at it. `signal` leaves the rest to the next one. */
export async function settle(ctx: Context, ref: BranchRef, signal?: AbortSignal): Promise<void> {
  const release = await liveReleaseName(ctx.paths, ref)
  if (release === undefined) return
  const live = { ...ref, release }
  const options = { what: `settling of ${release}`, now: ctx.now(), wait: LONGER_THAN_A_LOOK }
  const held = await tryLock(ctx.paths.settleLock(live), options)
  if (held === undefined) return
  try {
    // A new release that fails is not kept live for as long as the former one drains.
    const [reverted] = await Promise.all([
      watchRelease(ctx, live, signal).then((why) => why !== undefined && revert(ctx, live, why)),
      retire(ctx, ref, silent, signal),
    ])
    if (signal?.aborted === true) {
      // Whoever comes next watches on, if there is anything left to do.
      if ((await notesOf(ctx, ref)).length === 0) await rm(ctx.paths.settleLock(live), { force: true })
      return
    }
    if (!reverted) await prune(ctx, ref)
    else await settle(ctx, ref, signal)
    await rm(ctx.paths.settleLock(live), { force: true })
    // Last of all: what is noted is gone on with by whoever comes next.
    if (!reverted) await noteSettled(ctx, live)
  } finally {
    await held.release()
  }
}

/** Whether something is left of a branch's deploys that nobody is at work on. */
export async function isUnsettled(ctx: Context, ref: BranchRef): Promise<boolean> {
  if ((await notesOf(ctx, ref)).length === 0) return false
  const release = await liveReleaseName(ctx.paths, ref)
  return release !== undefined && !(await isHeld(ctx.paths.settleLock({ ...ref, release })))
}

async function prune(ctx: Context, ref: BranchRef): Promise<void> {
  const held = await lockBranch(ctx, ref, `pruning of ${ref.repo} ${ref.branch}`, { output: silent })
  try {
    // A command that found the branch locked by this has left to it what was cut short meanwhile.
    await recoverBranch(ctx, ref)
    await pruneBranch(ctx, ref)
    await sweep(ctx, ref)
  } finally {
    await held.release()
  }
  await pruneHome(ctx, ref)
  await pruneCache(ctx)
}

/** Nothing is left to do of the release, nor of those before it; one that was cut short is recovery's. */
async function noteSettled(ctx: Context, settled: ReleaseRef): Promise<void> {
  const records = await listRecords(ctx.paths, settled)
  const running = new Set(records.flatMap(({ result, release }) => (result === 'running' ? [release] : [])))
  for (const note of await notesOf(ctx, settled)) {
    if (note.release <= settled.release && !running.has(note.release)) await noteFinished(ctx.paths, note)
  }
}

async function notesOf(ctx: Context, { repo, branch }: BranchRef): Promise<ReleaseRef[]> {
  return (await listUnfinished(ctx.paths)).filter((note) => note.repo === repo && note.branch === branch)
}
