/** What a command is, and what it gets. */
import type { Readable, Writable } from 'node:stream'
import type { Context } from '../context.ts'
import type { BranchRef } from '../paths.ts'
import type { Output } from '../system/output.ts'

/** What a key may be allowed to do; the commands of one right stand or fall together. */
export type Right = 'read' | 'push' | 'operate' | 'host'

/** One row of the table of commands. */
export interface CommandSpec {
  readonly name: string
  /** As commander writes them: `<needed>`, `[optional]`, `<several...>`. */
  readonly arguments?: string
  /** How the arguments are shown in the help, where that is more than {@link arguments} can say. */
  readonly usage?: string
  readonly options?: readonly (readonly [flags: string, help: string])[]
  readonly help: string
  /** Whether it may come over SSH. */
  readonly ssh: boolean
  readonly right: Right
  /** Not shown in the help: git and pypaas itself call it. */
  readonly hidden?: boolean
  /** Prints its report as JSON with `--json`. */
  readonly json?: boolean
  /** Works without a valid configuration. */
  readonly unconfigured?: boolean
  /** False: it does not look after deploys that were cut short before its own work. */
  readonly recovers?: boolean
  readonly load: () => Promise<{ readonly run: Run }>
}

export type Run = (invocation: Invocation) => Promise<number>

/** Who runs it, from where, and the streams to talk through: the same for the shell and both SSH entrances. */
export interface Session {
  readonly via: 'shell' | 'ssh'
  /** Name of the key, or of the local user. */
  readonly who: string
  /** The client's address; empty for the shell. */
  readonly address: string
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  /** The streams are this process's own, so that a child can inherit them. */
  readonly inherit: boolean
  /** `GIT_PROTOCOL` of the client. */
  readonly gitProtocol: string | undefined
  /** Aborts when the client goes away or the process is asked to end. */
  readonly signal: AbortSignal
  /** argv that starts pypaas on the same home. */
  readonly self: readonly string[]
  /** Finishes what a deploy left to do, without anyone waiting. */
  settleLater(ref: BranchRef): void
  /** Gets every deploy's output too: the quick start shows it. */
  readonly watch?: Output
}

/** One call of a command. */
export interface Invocation {
  readonly ctx: Context
  readonly session: Session
  readonly args: readonly string[]
  readonly options: Readonly<Record<string, unknown>>
  readonly json: boolean
  /** Lines for the standard output. */
  readonly out: Output
  /** Lines for the standard error: what went wrong, progress. */
  readonly err: Output
}
