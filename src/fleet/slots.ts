/** Turns, wherever they are kept: so many at once, each of which ends by time if its host is gone. */
import type { Holder, RollRef } from './roll.ts'

/** A turn that is held. */
export interface Claim {
  /** Holds it for the full time again. False: it is lost; another host may have it. */
  renew(): Promise<boolean>
  /** Gives it back. A claim that is lost is given back already. */
  release(): Promise<void>
}

export interface Slots {
  /**
   * Takes a turn if fewer than `most` are held.
   * @param seconds after which it is free again unless it is renewed
   */
  take(ref: RollRef, holder: Holder, most: number, seconds: number): Promise<Claim | undefined>
  /** Those who have a turn at this moment. */
  holders(ref: RollRef): Promise<Holder[]>
  /** Milliseconds between two looks of those who wait: what a question costs decides. */
  readonly pause: number
}
