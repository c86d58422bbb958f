/** A claim kept for as long as its holder is at work: renewed in time, and known for lost when it is not. */
import type { Context } from '../context.ts'
import { messageOf } from '../errors.ts'
import type { Claim } from './slots.ts'

/** How often a claim is renewed in the time that it lasts. */
const RENEWALS = 3
/** Part of its time after which a claim that could not be renewed counts as lost: before others may take it. */
const SAFE = 0.9

export interface Held {
  /** Aborts when the claim is lost, or with the signal that was given. */
  readonly signal: AbortSignal
  /** Whether the claim could not be kept. */
  isLost(): boolean
  /** Is done after every renewal. */
  onRenewed(work: () => Promise<void>): void
  /** Ends renewing, and what is done after it. The claim stays until its time is over. */
  quiet(): Promise<void>
  /** Ends renewing and gives the claim back; one that cannot be given back runs out. */
  release(): Promise<void>
}

/** @param seconds that the claim lasts from its last renewal */
export function hold(ctx: Context, claim: Claim, seconds: number, signal?: AbortSignal): Held {
  const lost = new AbortController()
  let after: (() => Promise<void>) | undefined
  let deadline: NodeJS.Timeout | undefined
  let renewing: Promise<void> | undefined
  let ended = false

  const lose = (why: string): void => {
    clearInterval(timer)
    clearTimeout(deadline)
    if (ended || lost.signal.aborted) return
    ctx.log.error({ why }, 'the turn is lost')
    lost.abort()
  }
  const safeUntil = (from: number): void => {
    clearTimeout(deadline)
    const left = from + seconds * SAFE * 1000 - performance.now()
    deadline = setTimeout(() => lose('it could not be renewed in time'), Math.max(left, 0))
    deadline.unref()
  }
  const renew = async (): Promise<void> => {
    const began = performance.now()
    try {
      if (!(await claim.renew())) return lose('another host may have it')
      if (ended || lost.signal.aborted) return
      safeUntil(began)
      await after?.()
    } catch (error) {
      ctx.log.warn({ error: messageOf(error) }, 'the turn could not be renewed; trying again')
    }
  }
  const timer = setInterval(
    () => {
      renewing ??= renew().finally(() => {
        renewing = undefined
      })
    },
    (seconds * 1000) / RENEWALS,
  )
  timer.unref()
  safeUntil(performance.now())

  const quiet = async (): Promise<void> => {
    ended = true
    clearInterval(timer)
    clearTimeout(deadline)
    await renewing
  }
  return {
    signal: signal === undefined ? lost.signal : AbortSignal.any([lost.signal, signal]),
    isLost: () => lost.signal.aborted,
    onRenewed(work) {
      after = work
    },
    quiet,
    async release() {
      await quiet()
      await claim.release().catch((error: unknown) => {
        ctx.log.warn({ error: messageOf(error) }, 'the turn could not be given back; it runs out by itself')
      })
    },
  }
}
