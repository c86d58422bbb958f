/** Schedules as crontab(5) writes them, with a field of seconds before the others if there are six. Pure. */
import { Cron } from 'croner'

/** Seconds between two looks where no schedule is given. */
export const USUAL_INTERVAL = 60

/** What is wrong with a schedule, if anything is. */
export function scheduleMistake(schedule: string): string | undefined {
  try {
    return patternOf(schedule).nextRun() === null ? 'this time never comes' : undefined
  } catch {
    return 'expected a schedule as cron has it: minute, hour, day, month, weekday, and a second before them if you like; `*/15 * * * *` is every quarter of an hour'
  }
}

/**
 * The next time after `after`, in the host's time zone; without a schedule {@link USUAL_INTERVAL} later.
 * @param schedule one that {@link scheduleMistake} finds right
 */
export function nextTime(schedule: string | undefined, after: Date): Date {
  const next = schedule === undefined ? null : patternOf(schedule).nextRun(after)
  return next ?? new Date(after.getTime() + USUAL_INTERVAL * 1000)
}

function patternOf(schedule: string): Cron {
  return new Cron(schedule, { paused: true, mode: '5-or-6-parts' })
}
