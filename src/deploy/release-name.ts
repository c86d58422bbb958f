/** Names of releases, checkouts and deploys: `YYYYmmdd_HHMMSS-commit11` (UTC). Pure. */

const NAME = /^(\d{4})(\d{2})(\d{2})_(\d{2})(\d{2})(\d{2})-/

/** The release that a file's name begins with, as in `<release>.json`. */
export function releaseIn(file: string): string | undefined {
  return /^\d{8}_\d{6}-[0-9a-f]{11}/.exec(file)?.[0]
}

/**
 * A name that sorts behind all existing ones of the branch: the time is the present one, or the
 * second after the newest existing name if that is later (two deploys in one second, a clock put back).
 */
export function nextReleaseName(now: Date, commit: string, existing: readonly string[]): string {
  const newest = existing.reduce((latest, name) => Math.max(latest, secondOf(name) ?? 0), 0)
  const second = Math.max(Math.floor(now.getTime() / 1000), newest + 1)
  const text = new Date(second * 1000).toISOString()
  const [date = '', time = ''] = text.split('T')
  return `${date.replaceAll('-', '')}_${time.slice(0, 8).replaceAll(':', '')}-${commit.slice(0, 11)}`
}

/** Seconds since the epoch that a name tells, or undefined for another kind of name. */
function secondOf(name: string): number | undefined {
  const parts = NAME.exec(name)?.slice(1).map(Number)
  if (parts === undefined) return undefined
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = parts
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000
}
