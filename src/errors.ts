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

/** What an error of the system means to the one who has to mend it (errno(3)). */
const SYSTEM_ERRORS: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ENOSPC: [
    'the disk is full',
    'make room: `pypaas disk` shows what takes how much, `df -h` and `df -i` what is left',
  ],
  EDQUOT: ['the disk quota is used up', 'make room: `pypaas disk` shows what takes how much'],
  EACCES: ['permission denied', 'the user that pypaas runs as must own this; `chown` it back'],
  EPERM: ['operation not permitted', 'the user that pypaas runs as must own this; `chown` it back'],
  EROFS: ['the file system is read-only', 'look why (`dmesg`), then mount it writable'],
  EMFILE: [
    'too many open files',
    'raise the limit of this process (`ulimit -n`, or LimitNOFILE in its systemd unit)',
  ],
  ENFILE: [
    'the host has too many open files',
    'look what has them open (`lsof | wc -l`), or raise fs.file-max',
  ],
  ENOMEM: ['the host is out of memory', 'end something, or add memory or swap'],
  EAGAIN: [
    'the host takes no more processes',
    'end something, or raise the limit of processes (`ulimit -u`)',
  ],
  EIO: ['the disk does not work', 'look at `dmesg`: it may be failing'],
}

/** A failure of the host's, in words. Undefined: it is something else. */
export function systemFailure(thrown: unknown): PypaasError | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown) || !('syscall' in thrown)) return undefined
  const [what, hint] = SYSTEM_ERRORS[String(thrown.code)] ?? []
  if (what === undefined || hint === undefined) return undefined
  const path = 'path' in thrown && typeof thrown.path === 'string' ? thrown.path : undefined
  return new PypaasError('failed', what, {
    hint,
    cause: thrown,
    ...(path === undefined ? {} : { where: path }),
  })
}

/** Whether `error` is a system error with one of these codes, as in `hasErrno(e, 'ENOENT')`. */
export function hasErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
