/** The journal: one record a deploy, rewritten before and after each phase, and one log of what was shown. */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileName } from '../names.ts'
import type { BranchRef, Paths, ReleaseRef } from '../paths.ts'
import { temporaryBeside } from '../system/files.ts'
import type { Output } from '../system/output.ts'
import { listDirectory } from '../system/state.ts'

export type DeployKind = 'push' | 'rebuild' | 'restart'
export type DeployResult = 'running' | 'succeeded' | 'failed' | 'cancelled' | 'abandoned'

/** One attempt to make a commit live. Its id is the name of the release that it makes. */
export interface DeployRecord extends ReleaseRef {
  readonly kind: DeployKind
  readonly commit: string
  readonly subject: string
  readonly by: string
  /** ISO 8601, UTC. */
  readonly started: string
  readonly ended?: string
  readonly result: DeployResult
  /** Why it failed, in one line. */
  readonly error?: string
  /** The release that was live when it began. */
  readonly former?: string
  /** Phases that were begun, in order; all but the last have ended. */
  readonly begun: readonly string[]
  /** SWITCH has been done: from here on nothing is undone. */
  readonly switched: boolean
}

/**
 * Writes a record. Atomic, but not waited for on the disk: after a power cut nothing of a deploy runs any
 * more, and recovery goes by what is live.
 */
export async function writeRecord(paths: Paths, record: DeployRecord): Promise<void> {
  const path = recordFile(paths, record)
  mkdirSync(paths.deploys(record), { recursive: true })
  const temporary = temporaryBeside(path)
  await writeFile(temporary, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 })
  await rename(temporary, path)
}

/** All records of a branch, oldest first. */
export async function listRecords(paths: Paths, ref: BranchRef): Promise<DeployRecord[]> {
  const files = (await listDirectory(paths.deploys(ref))).filter((file) => file.endsWith('.json'))
  return Promise.all(
    files.map(
      async (file) => JSON.parse(await readFile(join(paths.deploys(ref), file), 'utf8')) as DeployRecord,
    ),
  )
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
