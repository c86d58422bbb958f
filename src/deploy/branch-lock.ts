/** One change of a branch at a time: deploys, recovery, pruning, cleanup. Branches do not wait for each other. */
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import type { BranchRef } from '../paths.ts'
import { lock, type Holder, type Lock } from '../system/lock.ts'
import type { Output } from '../system/output.ts'
import type { Order } from './deploy.ts'
import { countBefore, leaveQueue, placeOf, queueUp, takeTurn } from './queue.ts'

export interface BranchLockOptions {
  /** Told, once, whom it waits for. */
  readonly output: Output
  readonly signal?: AbortSignal
  /** Seconds; 0 does not wait, undefined waits for as long as it takes. */
  readonly wait?: number | undefined
}

/** @throws PypaasError `busy` when the wait is over, `cancelled` on the signal */
export async function lockBranch(
  ctx: Context,
  ref: BranchRef,
  what: string,
  { output, signal, wait }: BranchLockOptions,
): Promise<Lock> {
  try {
    return await lock(ctx.paths.branchLock(ref), {
      what,
      now: ctx.now(),
      wait,
      signal,
      onWait: (holder) => output.line(waitingFor(holder)),
    })
  } catch (error) {
    if (!(error instanceof PypaasError) || error.code !== 'busy') throw error
    throw new PypaasError('busy', `${ref.repo} ${ref.branch} is ${error.message}`, {
      hint: 'try again when it has ended; without --wait, this waits for it',
      cause: error,
    })
  }
}

/**
 * The lock for a push, which queues up with other pushes of the branch.
 * @throws PypaasError `cancelled` on the signal, or if a newer push is deployed instead
 */
export async function lockForPush(
  ctx: Context,
  ref: BranchRef,
  order: Omit<Order, 'subject'>,
  { output, signal }: BranchLockOptions,
): Promise<Lock> {
  const place = placeOf(ctx, order)
  try {
    const held = await lock(ctx.paths.branchLock(ref), {
      what: describe(order),
      now: ctx.now(),
      signal,
      onWait(holder) {
        queueUp(ctx, ref, place)
        void countBefore(ctx, ref, place).then((before) => {
          output.line(`${waitingFor(holder)}${before === 0 ? '' : `; ${before} more before this push`}`)
        })
      },
    })
    try {
      await takeTurn(ctx, ref, place)
      return held
    } catch (error) {
      await held.release()
      throw error
    }
  } finally {
    leaveQueue(ctx, ref, place)
  }
}

function waitingFor(holder: Holder | undefined): string {
  if (holder === undefined) return '-----> Waiting for another deploy of this branch'
  return `-----> Waiting for the ${holder.what}, since ${holder.since}`
}

/** What an order's lock says of it to those who wait. */
function describe({ kind, branch, commit, by }: Omit<Order, 'subject'>): string {
  return `${kind} of ${branch.repo} ${branch.branch} (${commit.slice(0, 11)}) by ${by}`
}
