/** What a command works with. Made once a command, passed first, never global. */
import type { Config } from './config/types.ts'
import type { Paths } from './paths.ts'

/** Structured log lines for the operator (pino's shape). Secrets never go here. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface Context {
  readonly paths: Paths
  /** The configuration as it was when the command began; frozen. */
  readonly config: Config
  readonly log: Log
  /** The clean base environment (PATH, HOME, LANG, USER) of everything that pypaas starts. */
  readonly baseEnv: Readonly<Record<string, string>>
  /** The time, for names, journals and reports. */
  now(): Date
}
