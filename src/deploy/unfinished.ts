/**
 * Deploys that have begun and are not quite over: one small file each, so that every command sees at a glance
 * whether another one was cut short. It goes when a failed deploy is undone, or the former release has ended.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { hasErrno } from '../errors.ts'
import type { Context } from '../context.ts'
import type { Paths, ReleaseRef } from '../paths.ts'
import { namesIn } from '../system/files.ts'
import { isHolderAtWork } from '../system/lock.ts'
import { listDirectory } from '../system/state.ts'

export function noteUnfinished(paths: Paths, { repo, branch, release }: ReleaseRef): void {
  mkdirSync(paths.unfinished, { recursive: true, mode: 0o700 })
  writeFileSync(paths.unfinishedFile({ repo, branch, release }), JSON.stringify({ repo, branch, release }))
}

export async function noteFinished(paths: Paths, ref: ReleaseRef): Promise<void> {
  await rm(paths.unfinishedFile(ref), { force: true })
}

/** Oldest first. */
export async function listUnfinished(paths: Paths): Promise<ReleaseRef[]> {
  const files = await listDirectory(paths.unfinished)
  const refs = await Promise.all(files.map((file) => readRef(join(paths.unfinished, file))))
  return refs.flatMap((ref) => ref ?? []).toSorted((a, b) => (a.release < b.release ? -1 : 1))
}

/** Locks of releases of which nothing is noted: of one who has just begun or ended with them, or was killed then. */
export async function looseSettleLocks(paths: Paths): Promise<string[]> {
  const names = await namesIn(paths.unfinished)
  const noted = new Set(names.map((name) => `.${name}.lock`))
  return names
    .filter((name) => name.endsWith('.lock') && name.startsWith('.') && !noted.has(name))
    .map((name) => join(paths.unfinished, name))
}

/** Undefined: it has gone meanwhile, or is being written. */
async function readRef(path: string): Promise<ReleaseRef | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ReleaseRef
  } catch (error) {
    if (error instanceof SyntaxError || hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Whether a process is at work on what a deploy left to do. */
export function isBeingSettled(ctx: Context, release: ReleaseRef): Promise<boolean> {
  return isHolderAtWork(ctx.paths.settleLock(release))
}
