/** The files of the configuration: which there are, and what is in them, parsed anew only if they changed. */
import { readdirSync, readFileSync, statSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { hasErrno, messageOf, PypaasError } from '../errors.ts'
import { fingerprint, isSettled, readCache, type CachedFile, type CachedFiles } from './cache.ts'
import type { ParsedFile } from './parse.ts'
import type { FileKind } from './schema.ts'

/** A file of the configuration, whatever is in it. */
export interface Source {
  readonly kind: FileKind
  /** Of the repo or domain; for `pypaas.yml` empty. */
  readonly name: string
  readonly file: string
}

/**
 * `pypaas.yml` and the `.yml` files of `repos/`, `repo/` and `domains/`, sorted.
 * @throws PypaasError `config` for a directory that cannot be read: without it
 * everything that is defined there would look as if it had been removed
 */
export function listSources(dir: string): Source[] {
  return [
    { kind: 'main', name: '', file: join(dir, 'pypaas.yml') },
    ...ymlFiles('repo', join(dir, 'repos')),
    ...ymlFiles('repo', join(dir, 'repo')),
    ...ymlFiles('domain', join(dir, 'domains')),
  ]
}

/**
 * Equal for the same configuration. Undefined: a file has changed so lately that its times need not tell.
 * @throws PypaasError `config` for a directory that cannot be read
 */
export function stampOf(dir: string): string | undefined {
  const now = Date.now()
  let stamps = ''
  for (const { file } of listSources(dir)) {
    const stamp = statSync(file, { throwIfNoEntry: false })
    if (stamp !== undefined && !isSettled(stamp, now)) return undefined
    stamps += `${file} ${stamp === undefined ? '' : fingerprint(stamp)}\n`
  }
  return stamps
}

/** Hidden files are those of editors. */
function ymlFiles(kind: FileKind, folder: string): Source[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith('.yml') && !name.startsWith('.'))
    return names.toSorted().map((name) => ({ kind, name: name.slice(0, -4), file: `${folder}/${name}` }))
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return []
    throw unreadable(folder, error)
  }
}

export function unreadable(dir: string, cause: unknown): PypaasError {
  return new PypaasError('config', `cannot read the configuration in ${dir}: ${messageOf(cause)}`, {
    hint: 'The user that pypaas runs as has to be able to read it.',
    cause,
  })
}

export interface SourceContents {
  readonly byFile: ReadonlyMap<string, CachedFile>
  /** What belongs into the cache. */
  readonly settled: CachedFiles
  /** Whether the cache holds something else. */
  readonly changed: boolean
}

/**
 * Synchronous where it looks at each file: hundreds of small calls in a row take
 * a fraction of the time that they take through the thread pool.
 */
export async function readSources(
  sources: readonly Source[],
  cacheFile: string | undefined,
  build: string,
): Promise<SourceContents> {
  const cache = cacheFile === undefined ? {} : readCache(cacheFile, build)
  const byFile = new Map<string, CachedFile>()
  const settled: CachedFiles = {}
  const now = Date.now()
  let changed = false
  for (const { kind, name, file } of sources) {
    const read = tryRead(file, cache[file])
    if ('error' in read) {
      byFile.set(file, unreadableFile(kind, read.error))
      continue
    }
    const { stamp, known } = read
    const content = known ?? {
      ...(await parse(kind, name, read.bytes)),
      fingerprint: fingerprint(stamp),
      places: {},
    }
    byFile.set(file, content)
    if (!isSettled(stamp, now)) continue
    settled[file] = content
    changed ||= known === undefined
  }
  return { byFile, settled, changed: changed || Object.keys(cache).length !== Object.keys(settled).length }
}

type Read =
  | { readonly stamp: Stats; readonly known: CachedFile }
  | { readonly stamp: Stats; readonly known: undefined; readonly bytes: Uint8Array }
  | { readonly error: unknown }

/** The time stamps are taken before the content: a change in between makes the cache stale, not wrong. */
function tryRead(file: string, cached: CachedFile | undefined): Read {
  try {
    const stamp = statSync(file)
    if (cached?.fingerprint === fingerprint(stamp)) return { stamp, known: cached }
    // Reading a pipe would wait for its other end.
    if (!stamp.isFile()) return { error: new Error('it is a directory or no regular file') }
    return { stamp, known: undefined, bytes: readFileSync(file) }
  } catch (error) {
    return { error }
  }
}

async function parse(kind: FileKind, name: string, bytes: Uint8Array): Promise<ParsedFile> {
  const { parseFile } = await import('./parse.ts')
  return parseFile(kind, name, bytes)
}

function unreadableFile(kind: FileKind, error: unknown): CachedFile {
  const message =
    kind === 'main' && hasErrno(error, 'ENOENT')
      ? 'the file is not there; it needs at least `ports: {min: 61500, max: 61800}`'
      : `the file cannot be read: ${messageOf(error)}`
  return {
    problems: [{ line: 1, column: 1, message }],
    value: undefined,
    standIns: [],
    fingerprint: '',
    places: {},
  }
}
