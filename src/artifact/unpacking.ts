/** One unpacking of an archive into a directory: checks each entry before anything of it is written. */
import {
  mkdirSync,
  openSync,
  writeSync,
  closeSync,
  fchmodSync,
  futimesSync,
  linkSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { PypaasError } from '../errors.ts'
import { linkRefusal, safePath } from './safe-names.ts'

export interface Limits {
  /** Of all files together, unpacked. */
  readonly bytes: number
  /** Files, directories and links. */
  readonly files: number
}

export const DEFAULT_LIMITS: Limits = { bytes: 16 * 2 ** 30, files: 1_000_000 }

/** What an archive says of an entry. */
export interface Described {
  readonly name: string
  /** Permissions; set-id bits, and the right of others to write, are dropped. */
  readonly mode: number
  readonly mtime: Date
}

type Kind = 'directory' | 'file' | 'link'

/**
 * The directory must be there and empty, and nobody else may write into it. Links are made by {@link finish}, when
 * everything else is there: so nothing is ever written through one.
 */
export class Unpacking {
  readonly #directory: string
  readonly #archive: string
  readonly #limits: Limits
  readonly #kinds = new Map<string, Kind>([['', 'directory']])
  readonly #links = new Map<string, string>()
  #entries = 0
  #bytes = 0

  constructor(directory: string, archive: string, limits: Limits) {
    this.#directory = directory
    this.#archive = archive
    this.#limits = limits
  }

  directory({ name }: Described): void {
    const path = this.#admit(name)
    // Many packers name a directory more than once.
    if (path === '' || this.#kinds.get(path) === 'directory') return
    this.#take(name, path, 'directory')
    mkdirSync(join(this.#directory, path), { mode: 0o755 })
  }

  /** @param content its bytes; that they are too many is noticed while they come */
  async file({ name, mode, mtime }: Described, content: Readable): Promise<void> {
    const path = this.#admit(name)
    this.#take(name, path, 'file')
    const file = openSync(join(this.#directory, path), 'wx', 0o600)
    try {
      for await (const chunk of content as AsyncIterable<Buffer>) {
        this.#bytes += chunk.length
        if (this.#bytes > this.#limits.bytes) {
          throw this.refuse(name, `takes the archive over ${this.#limits.bytes} bytes unpacked`)
        }
        writeWhole(file, chunk)
      }
      fchmodSync(file, (mode & 0o755) | 0o600)
      futimesSync(file, mtime, mtime)
    } finally {
      closeSync(file)
    }
  }

  link({ name }: Described, target: string): void {
    const path = this.#admit(name)
    this.#take(name, path, 'link')
    this.#links.set(path, target)
  }

  /** A second name of a file that the archive has brought already. */
  hardLink({ name }: Described, target: string): void {
    const path = this.#admit(name)
    const original = safePath(target)
    if (typeof original !== 'string' || this.#kinds.get(original) !== 'file') {
      throw this.refuse(name, `is a link to ${target}, which is no file of the archive before it`)
    }
    this.#take(name, path, 'file')
    linkSync(join(this.#directory, original), join(this.#directory, path))
  }

  /** Makes the links, if all of them stay in the tree. */
  finish(): void {
    for (const path of this.#links.keys()) {
      const found = linkRefusal(path, this.#links)
      if (found !== undefined) throw this.refuse(path, found.refused)
    }
    for (const [path, target] of this.#links) symlinkSync(target, join(this.#directory, path))
  }

  /** The error of an entry that may not be unpacked. */
  refuse(name: string, why: string): PypaasError {
    return new PypaasError('failed', `the archive is refused: ${JSON.stringify(name)} ${why}`, {
      where: this.#archive,
      hint: 'nothing of it has been kept; find out who made it, or pack it anew',
    })
  }

  #admit(name: string): string {
    this.#count(name)
    const path = safePath(name)
    if (typeof path !== 'string') throw this.refuse(name, path.refused)
    return path
  }

  /** A directory that no entry names counts, too. */
  #count(name: string): void {
    this.#entries += 1
    if (this.#entries <= this.#limits.files) return
    throw this.refuse(name, `is entry ${this.#entries}; at most ${this.#limits.files} are allowed`)
  }

  /** Notes what is at a path, and makes the directories that lead to it. */
  #take(name: string, path: string, kind: Kind): void {
    if (this.#kinds.has(path)) throw this.refuse(name, 'is in it twice')
    const parent = dirname(path) === '.' ? '' : dirname(path)
    const above = this.#kinds.get(parent)
    if (above === 'link') throw this.refuse(name, `lies behind the link ${parent}`)
    if (above === 'file') throw this.refuse(name, `lies below the file ${parent}`)
    if (above === undefined) {
      this.#count(name)
      this.#take(name, parent, 'directory')
      mkdirSync(join(this.#directory, parent), { mode: 0o755 })
    }
    this.#kinds.set(path, kind)
  }
}

/** write(2) may take less than it is given; on a full disk it takes what fits, and then nothing. */
function writeWhole(file: number, chunk: Buffer): void {
  for (let done = 0; done < chunk.length;) done += writeSync(file, chunk, done)
}
