/**
 * The one error class of expected failures. `main.ts` prints it as two lines
 * (what happened, what to do) and turns its code into an exit status.
 */

/** What kind of failure it is; each kind has one exit status. */
export type ErrorCode = 'failed' | 'usage' | 'config' | 'denied' | 'busy' | 'cancelled'

const EXIT_STATUS: Record<ErrorCode, number> = {
  failed: 1,
  cancelled: 1,
  usage: 2,
  config: 2,
  denied: 3,
  busy: 4,
}

export interface ErrorDetails {
  /** What to type or to change, as a sentence. */
  hint?: string
  cause?: unknown
  /** A file, optionally with `:line:column`, that the failure is about. */
  where?: string
  /** The last lines that the failing command printed. */
  output?: readonly string[]
  /** The reason has been shown already where the user looks; it is not to be printed again. */
  reported?: boolean
}

/** A failure that a user can understand and act on. Anything else that is thrown is a bug. */
export class PypaasError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly where: string | undefined
  readonly output: readonly string[]
  readonly reported: boolean

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'PypaasError'
    this.code = code
    this.hint = details.hint
    this.where = details.where
    this.output = details.output ?? []
    this.reported = details.reported ?? false
  }

  /** 1 failed, 2 wrong usage or configuration, 3 not allowed, 4 busy or locked. */
  get exitStatus(): number {
    return EXIT_STATUS[this.code]
  }
}

/** The message of anything that was thrown, for one line of a report. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Whether `error` is a system error with one of these codes, as in `hasErrno(e, 'ENOENT')`. */
export function hasErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
