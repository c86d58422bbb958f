/** A tree as a stream of tar (tar(5), pax where a name is long). */
import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pack, type Header, type Pack } from 'tar-stream'
import type { Entry } from './entries.ts'

/** A tree to be packed; `prefix` comes before every path. */
export interface Tree {
  readonly directory: string
  readonly entries: readonly Entry[]
  readonly prefix: string
  readonly mtime: Date
}

type EntryHeader = Partial<Header> & Pick<Header, 'name'>

/** Files up to this many bytes are read at once: most are, and a stream for each costs more than reading it. */
const WHOLE = 1 << 20
/** Bytes that go on together: headers are small, and each piece costs its way through the compression. */
const PIECE = 1 << 17

export function tarOf(tree: Tree): Readable {
  const archive = pack({ highWaterMark: 1 << 20 })
  void fill(archive, tree).then(
    () => archive.finalize(),
    (error: Error) => archive.destroy(error),
  )
  const pieces = Readable.from(inPieces(archive), { objectMode: false, highWaterMark: 1 << 18 })
  // Nobody may have begun to read it.
  pieces.once('close', () => archive.destroy(null))
  return pieces
}

async function* inPieces(archive: Pack): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = []
  let size = 0
  for await (const chunk of archive as AsyncIterable<Buffer>) {
    waiting.push(chunk)
    size += chunk.length
    if (size < PIECE) continue
    yield Buffer.concat(waiting)
    waiting = []
    size = 0
  }
  yield Buffer.concat(waiting)
}

async function fill(archive: Pack, { directory, entries, prefix, mtime }: Tree): Promise<void> {
  const common = { uid: 0, gid: 0, uname: 'root', gname: 'root', mtime }
  if (prefix !== '') await add(archive, { ...common, name: prefix, type: 'directory', mode: 0o755 })
  for (const entry of entries) {
    const name = prefix + entry.path
    switch (entry.kind) {
      case 'directory':
        await add(archive, { ...common, name: `${name}/`, type: 'directory', mode: entry.mode })
        break
      case 'link':
        await add(archive, { ...common, name, type: 'symlink', mode: 0o777, linkname: entry.target })
        break
      case 'file': {
        const header: EntryHeader = { ...common, name, type: 'file', mode: entry.mode, size: entry.size }
        const path = join(directory, entry.path)
        if (entry.size <= WHOLE) await add(archive, header, readFileSync(path))
        else await addLarge(archive, header, path)
        break
      }
      default:
        entry satisfies never
    }
  }
}

/** Waits until the archive has taken it, so that no more than one entry is in memory. */
function add(archive: Pack, header: EntryHeader, content?: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null): void => (error == null ? resolve() : reject(error))
    if (content === undefined) archive.entry({ ...header, size: 0 }, done)
    else archive.entry(header, content, done)
  })
}

async function addLarge(archive: Pack, header: EntryHeader, path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await new Promise<void>((resolve, reject) => {
      const entry = archive.entry(header, (error) => (error == null ? resolve() : reject(error)))
      const source = file.createReadStream({ autoClose: false, highWaterMark: 1 << 18 })
      source.on('error', reject)
      source.pipe(entry)
    })
  } finally {
    await file.close()
  }
}
