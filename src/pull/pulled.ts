/** What is known of a branch's source between two looks. */
import type { Context } from '../context.ts'
import type { BranchRef } from '../paths.ts'
import { readIfThere, replaceFile } from '../system/files.ts'
import type { Version } from './look.ts'

export interface Pulled {
  /** Which remote this is about, without credentials. */
  readonly remote: string
  /** What was deployed last. It is not deployed again, also if somebody went back behind it. */
  readonly version?: Version
  /** What is being deployed. If it is live, and this is still here, what comes after SWITCH was cut short. */
  readonly begun?: Version
  /** What could not be deployed. */
  readonly failed?: Failed
}

export interface Failed {
  readonly version: Version
  /** How often in a row. */
  readonly times: number
  /** ISO 8601, UTC. */
  readonly at: string
}

/** Seconds before what failed is tried a second time; twice as long before each further time, up to the second. */
const PAUSE = 60
const LONGEST = 3600

export async function readPulled(
  { paths }: Pick<Context, 'paths'>,
  ref: BranchRef,
): Promise<Pulled | undefined> {
  const text = await readIfThere(paths.pulled(ref))
  return text === undefined ? undefined : (JSON.parse(text) as Pulled)
}

export async function writePulled({ paths }: Context, ref: BranchRef, pulled: Pulled): Promise<void> {
  await replaceFile(paths.pulled(ref), `${JSON.stringify(pulled, null, 2)}\n`, 0o600)
}

/** One failure more of a version. Pure. */
export function failedAgain(former: Failed | undefined, version: Version, now: Date): Failed {
  const times = isThat(former, version) ? (former?.times ?? 0) + 1 : 1
  return { version, times, at: now.toISOString() }
}

/** Whether a version is to be tried: builds cost, so what failed rests for a while. Pure. */
export function isDue(failed: Failed | undefined, version: Version, now: Date): boolean {
  if (failed === undefined || !isThat(failed, version)) return true
  const pause = Math.min(PAUSE * 2 ** (failed.times - 1), LONGEST) * 1000
  const passed = now.getTime() - Date.parse(failed.at)
  // A clock that was set back must not make it wait for longer.
  return passed < 0 || passed >= pause
}

function isThat(failed: Failed | undefined, version: Version): boolean {
  return isSameVersion(failed?.version, version)
}

export function isSameVersion(one: Version | undefined, other: Version): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
