/** One change of a branch at a time: deploys, recovery, pruning, cleanup. Branches do not wait for each other. */
import type { Context } from '../context.ts'
import type { BranchRef } from '../paths.ts'
import { lock, type Lock } from '../system/lock.ts'
import type { Output } from '../system/output.ts'
import type { Order } from './deploy.ts'

export interface BranchLockOptions {
  /** Told, once, whom it waits for. */
  readonly output: Output
  readonly signal?: AbortSignal
  /** Seconds; 0 does not wait, undefined waits for as long as it takes. */
  readonly wait?: number | undefined
}

/** @throws PypaasError `busy` when the wait is over, `cancelled` on the signal */
export function lockBranch(
  ctx: Context,
  ref: BranchRef,
  what: string,
  { output, signal, wait }: BranchLockOptions,
): Promise<Lock> {
  return lock(ctx.paths.branchLock(ref), {
    what,
    now: ctx.now(),
    wait,
    signal,
    onWait: (holder) =>
      output.line(
        `-----> Waiting for ${holder === undefined ? 'another deploy' : `the ${holder.what}, since ${holder.since}`}`,
      ),
  })
}

/** What an order's lock says of it to those who wait. */
export function describe({ kind, branch, commit, by }: Order): string {
  return `${kind} of ${branch.repo} ${branch.branch} (${commit.slice(0, 11)}) by ${by}`
}
