/** `--wait SECONDS`: how long a command waits for a lock that another one holds. */
import { PypaasError } from '../errors.ts'

/** The option's row in the table of commands. */
export const WAIT = [
  '--wait <seconds>',
  'how long to wait for another change of the same (default: until it ends)',
] as const

/** Undefined: as long as it takes. */
export function waitOf(options: Readonly<Record<string, unknown>>): number | undefined {
  const text = options['wait']
  if (text === undefined) return undefined
  const seconds = typeof text === 'string' && text.trim() !== '' ? Number(text) : Number.NaN
  if (Number.isFinite(seconds) && seconds >= 0) return seconds
  throw new PypaasError('usage', `--wait takes a number of seconds, not ${JSON.stringify(text)}`)
}
