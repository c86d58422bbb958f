/** A list of names as a report. */
import type { Output } from '../../system/output.ts'

/** @param none what is said if there are none */
export function printNames(names: readonly string[], none: string, json: boolean, out: Output): void {
  if (json) out.line(JSON.stringify(names, null, 2))
  else if (names.length === 0) out.line(none)
  else for (const name of names) out.line(name)
}
