/** Packs a tree into one file. The same tree gives the same bytes: sorted, with fixed times, owners and modes. */
import { createHash, type Hash } from 'node:crypto'
import { cpSync } from 'node:fs'
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { Writable, type Duplex, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { PypaasError, systemFailure } from '../errors.ts'
import { syncDirectory, temporaryBeside } from '../system/files.ts'
import { bzip2 } from './bzip2.ts'
import { entriesOf } from './entries.ts'
import type { ArchiveFormat, Format } from './format.ts'

export interface PackOptions {
  /** A directory that holds all of the tree in the archive; default: none. Not in the format `dir`. */
  readonly top?: string | undefined
  /** Time of all entries, whole seconds count; default: the earliest that zip can tell, 1980-01-01. */
  readonly mtime?: Date | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Packed {
  /** Bytes of the file; of the format `dir` those of a tar of it. */
  readonly size: number
  /** Of the file, in hex; of the format `dir` that of a tar of it. */
  readonly sha256: string
}

export const EARLIEST = new Date('1980-01-01T00:00:00Z')

/**
 * Packs what is in `directory` into the file `output`, which is there whole or not at all. Streams: the memory
 * that it takes does not depend on the size of the tree.
 * @throws PypaasError `failed`, `cancelled`
 */
export async function packTree(
  directory: string,
  output: string,
  format: Format,
  options: PackOptions = {},
): Promise<Packed> {
  await mkdir(dirname(output), { recursive: true })
  const temporary = temporaryBeside(output)
  try {
    const packed = await packTo(directory, temporary, format, options)
    // A directory cannot be renamed over a full one.
    if (format === 'dir') await rm(output, { recursive: true, force: true })
    await rename(temporary, output)
    await syncDirectory(dirname(output))
    return packed
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    if (options.signal?.aborted === true) {
      throw new PypaasError('cancelled', `cancelled: packing ${basename(output)}`, { cause: error })
    }
    throw error instanceof PypaasError ? error : (systemFailure(error) ?? error)
  }
}

async function packTo(
  directory: string,
  output: string,
  format: Format,
  options: PackOptions,
): Promise<Packed> {
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  if (format === 'dir') {
    cpSync(directory, output, { recursive: true, verbatimSymlinks: true })
    const meter = new Meter(undefined)
    await pipeline(await archiveOf(directory, 'tar', options), meter, signal)
    return meter.packed()
  }
  const file = await open(output, 'wx', 0o644)
  try {
    const meter = new Meter(file)
    await pipeline([await archiveOf(directory, format, options), ...compression(format), meter], signal)
    await file.sync()
    return meter.packed()
  } finally {
    await file.close()
  }
}

async function archiveOf(
  directory: string,
  format: ArchiveFormat,
  { top, mtime = EARLIEST }: PackOptions,
): Promise<Readable> {
  const prefix = top === undefined ? '' : `${top}/`
  const entries = entriesOf(directory)
  const tree = { directory, entries, prefix, mtime: mtime < EARLIEST ? EARLIEST : mtime }
  if (format === 'zip') return (await import('./pack-zip.ts')).zipOf(tree)
  return (await import('./pack-tar.ts')).tarOf(tree)
}

/** A gzip header of Node's zlib has neither name nor time (RFC 1952). */
function compression(format: ArchiveFormat): Duplex[] {
  switch (format) {
    case 'tar.gz':
      return [createGzip({ chunkSize: 1 << 17 })]
    case 'tar.bz2':
      return [bzip2('-9')]
    case 'tar':
    case 'zip':
      return []
    default:
      return format satisfies never
  }
}

/** Counts and hashes what comes, and writes it to a file. */
class Meter extends Writable {
  readonly #file: FileHandle | undefined
  readonly #hash: Hash = createHash('sha256')
  #size = 0

  constructor(file: FileHandle | undefined) {
    super({ highWaterMark: 1 << 20 })
    this.#file = file
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#hash.update(chunk)
    this.#size += chunk.length
    // All of the chunk, at the present position; write(2) may take less.
    if (this.#file === undefined) done()
    else this.#file.writeFile(chunk).then(() => done(), done)
  }

  packed(): Packed {
    return { size: this.#size, sha256: this.#hash.digest('hex') }
  }
}
