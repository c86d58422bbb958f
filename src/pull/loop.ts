/** Work at the times of a schedule, one after the other, until a signal ends it. */
import { setTimeout as delay } from 'node:timers/promises'
import { nextTime } from '../config/schedule.ts'

/** Milliseconds that are slept at once: after a clock that was set, the time is right again that soon. */
const NAP = 60_000

/** Works at once, and then at every time of the schedule that comes after the end of the last work. */
export async function everyTime(
  schedule: string | undefined,
  signal: AbortSignal,
  now: () => Date,
  work: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await work()
    await sleepUntil(nextTime(schedule, now()), signal, now)
  }
}

/** Until that time, or the signal. */
async function sleepUntil(time: Date, signal: AbortSignal, now: () => Date): Promise<void> {
  for (;;) {
    const left = time.getTime() - now().getTime()
    if (left <= 0 || signal.aborted) return
    await delay(Math.min(left, NAP), undefined, { signal }).catch(() => {})
  }
}
