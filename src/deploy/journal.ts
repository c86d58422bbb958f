/**
 * The journal: one record a deploy, and one log of what was shown. A record is one line of JSON. While a deploy is at
 * work, each note is another line, and the last whole one counts; its end leaves one.
 */
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { hasErrno } from '../errors.ts'
import { fileName } from '../names.ts'
import type { BranchRef, Paths, ReleaseRef } from '../paths.ts'
import { temporaryBeside } from '../system/files.ts'
import type { Output } from '../system/output.ts'
import { listDirectory } from '../system/state.ts'

/** How many deploys of a branch are kept. */
export const KEEP_DEPLOYS = 50

export type DeployKind = 'push' | 'rebuild' | 'restart' | 'rollback' | 'revert' | 'install' | 'pull'
/** `abandoned`: its process was killed. `reverted`: it was live, and failed so soon that the former one is back. */
export type DeployResult = 'running' | 'succeeded' | 'failed' | 'cancelled' | 'abandoned' | 'reverted'

/** A phase at work; times are ISO 8601, UTC. */
export interface PhaseRecord {
  readonly name: string
  readonly began: string
  readonly ended?: string
}

/** One attempt to make a commit live. Its id is the name of the release that it makes. */
export interface DeployRecord extends ReleaseRef {
  readonly kind: DeployKind
  readonly commit: string
  readonly subject: string
  /** Where the files come from, if they are no commit of the repository (`artifact:shop/master@1.2.3`). */
  readonly source?: string
  readonly by: string
  /** ISO 8601, UTC. */
  readonly started: string
  readonly ended?: string
  readonly result: DeployResult
  /** Why it failed, in one line. */
  readonly error?: string
  /** The release that was live when it began. */
  readonly former?: string
  /** What was given with the push (`-o message=…`). */
  readonly message?: string
  readonly dryRun?: boolean
  /** Whether it made a checkout of its own. */
  readonly builds: boolean
  /** Phases that were begun, in order. */
  readonly phases: readonly PhaseRecord[]
  /** SWITCH has been done: from here on nothing is undone. */
  readonly switched: boolean
}

/**
 * Writes a record in the place of what is there. Atomic, but not waited for on the disk: after a power cut nothing of
 * a deploy runs any more, and recovery goes by what is live.
 */
export function writeRecord(paths: Paths, record: DeployRecord): void {
  const path = recordFile(paths, record)
  mkdirSync(paths.deploys(record), { recursive: true })
  const temporary = temporaryBeside(path)
  try {
    writeFileSync(temporary, lineOf(record), { mode: 0o600 })
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/**
 * Adds a note to the record of a deploy at work: a fraction of the time of another file. A line that a kill or a full
 * disk has cut off is by itself, since each begins with a new one.
 */
function addToRecord(paths: Paths, record: DeployRecord): void {
  appendFileSync(recordFile(paths, record), `\n${lineOf(record)}`)
}

function lineOf(record: DeployRecord): string {
  return `${JSON.stringify(record)}\n`
}

/** The last whole line; undefined if there is none. */
function parseRecord(text: string): DeployRecord | undefined {
  for (const line of text.split('\n').toReversed()) {
    if (line === '') continue
    try {
      return JSON.parse(line) as DeployRecord
    } catch {
      // Its writer was cut off.
    }
  }
  return undefined
}

/** The record of a deploy at work. */
export class Journal {
  readonly #ctx: Context
  #record: DeployRecord
  #written = false

  constructor(ctx: Context, record: DeployRecord) {
    this.#ctx = ctx
    this.#record = record
  }

  get record(): DeployRecord {
    return this.#record
  }

  /**
   * Notes a phase before it. That it has ended is noted with what comes next, at once: the next phase, SWITCH, or the
   * end of the deploy. Of a phase that throws it is not.
   */
  async phase(name: string, work: () => Promise<void>): Promise<void> {
    const before = this.#record.phases
    const began = this.#now()
    this.#note({ phases: [...before, { name, began }] })
    await work()
    this.#record = { ...this.#record, phases: [...before, { name, began, ended: this.#now() }] }
  }

  switched(): void {
    this.#note({ switched: true })
  }

  /** Why it failed, while what it did could not all be taken back: recovery goes on with that. */
  undoing(error: string): void {
    this.#note({ error })
  }

  end(result: Exclude<DeployResult, 'running'>, error?: string): void {
    this.#record = { ...this.#record, result, ended: this.#now(), ...(error === undefined ? {} : { error }) }
    writeRecord(this.#ctx.paths, this.#record)
  }

  #now(): string {
    return this.#ctx.now().toISOString()
  }

  #note(change: Partial<DeployRecord>): void {
    this.#record = { ...this.#record, ...change }
    if (this.#written) addToRecord(this.#ctx.paths, this.#record)
    else writeRecord(this.#ctx.paths, this.#record)
    this.#written = true
  }
}

/** All records of a branch, oldest first. */
export async function listRecords(paths: Paths, ref: BranchRef): Promise<DeployRecord[]> {
  const files = (await listDirectory(paths.deploys(ref))).filter((file) => file.endsWith('.json'))
  // Fifty small files in a row take a fraction of the time that they take through the thread pool.
  return files.flatMap((file) => readRecord(join(paths.deploys(ref), file)) ?? [])
}

/** Undefined: another process has forgotten it meanwhile. */
function readRecord(path: string): DeployRecord | undefined {
  try {
    return parseRecord(readFileSync(path, 'utf8'))
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/**
 * Forgets all but the newest `keep` deploys of a branch; what is live keeps its record however many have failed since.
 * @returns those that are left, oldest first
 */
export async function pruneRecords(
  paths: Paths,
  ref: BranchRef,
  live: string | undefined,
  keep: number,
): Promise<DeployRecord[]> {
  const records = await listRecords(paths, ref)
  const gone = new Set(records.slice(0, -keep).filter(({ release }) => release !== live))
  for (const record of gone) {
    // The record, by which a deploy is known, goes last.
    await rm(logFile(paths, record), { force: true })
    await rm(recordFile(paths, record), { force: true })
  }
  return records.filter((record) => !gone.has(record))
}

/** The deploy's log: what its output said, kept. Only the owner reads it: builds print what they like. */
export function deployLog(paths: Paths, ref: ReleaseRef): Output {
  mkdirSync(paths.deploys(ref), { recursive: true })
  const path = logFile(paths, ref)
  return {
    line(text) {
      try {
        appendFileSync(path, `${text}\n`, { mode: 0o600 })
      } catch {
        // A full disk must not fail a deploy that could still succeed.
      }
    },
  }
}

export function logFile(paths: Paths, ref: ReleaseRef): string {
  return join(paths.deploys(ref), `${fileName(ref.release)}.log`)
}

export function recordFile(paths: Paths, ref: ReleaseRef): string {
  return join(paths.deploys(ref), `${fileName(ref.release)}.json`)
}
