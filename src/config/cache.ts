/**
 * What the files of the configuration came to when they were last read, so that
 * a command need not parse hundreds of unchanged ones. It holds the values of
 * `env`, so it is readable by its owner only.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { replaceFile } from '../system/files.ts'
import type { Position } from './position.ts'
import type { ParsedFile } from './parse.ts'
import { schemas } from './schema.ts'

export interface CachedFile extends ParsedFile {
  /** {@link fingerprint} of the file that was parsed. */
  readonly fingerprint: string
  /** Where findings of `rules.ts` were, by {@link ParsedFile} place: asked for once, kept. */
  readonly places: Record<string, Position>
}

export type CachedFiles = Record<string, CachedFile>

interface CacheContent {
  readonly version: string
  readonly files: CachedFiles
}

/** Raised when the same file would now come to something else, though the schemas are the same. */
const FORMAT = 1

/**
 * Seconds for which a changed file is read anew each time. Time stamps are as
 * coarse as the file system's clock: a second change right after the first may
 * leave no trace in them.
 */
const FRESH = 2

export interface FileStamp {
  /** Milliseconds, with the fraction that a double holds (a quarter of a microsecond). */
  readonly mtimeMs: number
  readonly ctimeMs: number
  readonly size: number
  readonly ino: number
}

/** Equal for the same content, as far as the file system can tell. */
export function fingerprint({ mtimeMs, ctimeMs, size, ino }: FileStamp): string {
  return `${mtimeMs} ${ctimeMs} ${size} ${ino}`
}

/** Whether the file was changed long enough ago to trust its time stamps. `now` in milliseconds. */
export function isSettled({ ctimeMs }: FileStamp, now: number): boolean {
  return now - ctimeMs > FRESH * 1000
}

/** Empty if there is no cache, or one of another version of pypaas. `build` tells builds of one version apart. */
export function readCache(path: string, build: string): CachedFiles {
  try {
    const content = JSON.parse(readFileSync(path, 'utf8')) as Partial<CacheContent>
    return content.version === version(build) ? (content.files ?? {}) : {}
  } catch {
    return {} // It is only a cache: missing, unreadable or cut short, the files are read.
  }
}

/** A cache that cannot be written makes the next command slower, nothing else. */
export async function writeCache(path: string, build: string, files: CachedFiles): Promise<void> {
  const content: CacheContent = { version: version(build), files }
  await replaceFile(path, JSON.stringify(content), 0o600).catch(() => undefined)
}

function version(build: string): string {
  const hash = createHash('sha256').update(JSON.stringify(schemas)).digest('hex').slice(0, 16)
  return `${FORMAT} ${hash} ${build}`
}
