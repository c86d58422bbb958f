/** A file that is fetched, whole or in part, with a note of what it is: kept until its content is in its place. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { readIfThere, replaceFile } from '../system/files.ts'
import type { LookOptions, Version } from './look.ts'

interface Note {
  readonly version: Version
  readonly complete: boolean
}

/** The one download of a remote. */
export interface Download extends Note {
  /** Bytes that are there. */
  readonly size: number
}

/** Where the download of a remote is. */
export interface DownloadFiles {
  readonly archive: string
  readonly note: string
}

/** @param identity names the remote, and may hold anything */
export function downloadFiles(
  { cache, owner }: Pick<LookOptions, 'cache' | 'owner'>,
  identity: string,
): DownloadFiles {
  const name = keptName(owner, identity)
  return { archive: join(cache, `${name}.archive`), note: join(cache, `${name}.json`) }
}

/** What is there of a remote. Undefined: nothing that could be used. */
export async function readDownload(files: DownloadFiles): Promise<Download | undefined> {
  const text = await readIfThere(files.note)
  const there = await stat(files.archive).catch(() => undefined)
  if (text === undefined || there === undefined) return undefined
  return { ...(JSON.parse(text) as Note), size: there.size }
}

/** Notes what the file is, or is to become. Only the owner reads either: archives hold what they hold. */
export async function noteDownload(files: DownloadFiles, version: Version, complete: boolean): Promise<void> {
  await mkdir(dirname(files.note), { recursive: true, mode: 0o700 })
  await replaceFile(files.note, JSON.stringify({ version, complete } satisfies Note), 0o600)
}

export async function dropDownload(files: DownloadFiles): Promise<void> {
  await rm(files.note, { force: true })
  await rm(files.archive, { force: true })
}

/** Name in the cache of what `owner` has of a remote: 24 hex digits. */
export function keptName(owner: string, identity: string): string {
  return createHash('sha256')
    .update(JSON.stringify([owner, identity]))
    .digest('hex')
    .slice(0, 24)
}

/** SHA-256 of a file, in hex. */
export async function hashOf(file: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash, signal === undefined ? {} : { signal })
  return hash.digest('hex')
}
