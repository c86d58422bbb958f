/** Reads a tar, compressed or not, into an {@link Unpacking}. */
import { createReadStream } from 'node:fs'
import { Writable, type Duplex, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract, type Extract, type Header } from 'tar-stream'
import { bzip2 } from './bzip2.ts'
import type { ArchiveFormat } from './format.ts'
import type { Described, Unpacking } from './unpacking.ts'

type TarFormat = Exclude<ArchiveFormat, 'zip'>
/** What tar-stream gives for each entry; Node's streams and its own can be read in the same way. */
type TarEntry = Readable & { readonly header: Header }

/** Also tars without a magic number, as they were before 1988. */
const ANY_TAR: object = { allowUnknownFormat: true }

export async function readTar(
  file: string,
  format: TarFormat,
  unpacking: Unpacking,
  signal: AbortSignal | undefined,
): Promise<void> {
  const entries = extract(ANY_TAR)
  const stages = [
    createReadStream(file, { highWaterMark: 1 << 18 }),
    ...decompression(format),
    sinkOf(entries),
  ]
  const feeding = pipeline(stages, signal === undefined ? {} : { signal })
  const [read, fed] = await Promise.allSettled([readEntries(entries, unpacking), feeding])
  // A refused entry ends the feeding, and a damaged file the reading: the one is the other's reason.
  if (fed.status === 'rejected' && !(fed.reason instanceof CutShort)) throw fed.reason
  if (read.status === 'rejected') throw read.reason
}

function decompression(format: TarFormat): Duplex[] {
  switch (format) {
    case 'tar.gz':
      return [createGunzip({ chunkSize: 1 << 18 })]
    case 'tar.bz2':
      return [bzip2('-d')]
    case 'tar':
      return []
    default:
      return format satisfies never
  }
}

/** The reading has ended before the file has. */
class CutShort extends Error {}

/** tar-stream's end of the pipeline: its streams are not Node's, which does not see all of their ends. */
function sinkOf(entries: Extract): Writable {
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (entries.write(chunk)) done()
      else entries.once('drain', () => done())
    },
    final(done) {
      entries.once('close', () => done())
      ;(entries as unknown as NodeJS.WritableStream).end()
    },
    destroy(error, done) {
      entries.destroy(error ?? new CutShort())
      done(error)
    },
  })
  entries.once('error', (error) => sink.destroy(error))
  entries.once('close', () => {
    if (!sink.writableEnded) sink.destroy(new CutShort())
  })
  return sink
}

async function readEntries(entries: Extract, unpacking: Unpacking): Promise<void> {
  for await (const entry of entries) {
    await unpackEntry(entry as unknown as TarEntry, unpacking)
    // What is not a file may still carry bytes; the next entry comes after them.
    entry.resume()
  }
}

async function unpackEntry(entry: TarEntry, unpacking: Unpacking): Promise<void> {
  const { name, mode, mtime, linkname, type } = entry.header
  const described: Described = { name, mode, mtime }
  switch (type) {
    case 'file':
    case 'contiguous-file':
      return unpacking.file(described, entry)
    case 'directory':
      return unpacking.directory(described)
    case 'symlink':
      return unpacking.link(described, linkname)
    case 'link':
      return unpacking.hardLink(described, linkname)
    case 'character-device':
    case 'block-device':
      throw unpacking.refuse(name, 'is a device')
    case 'fifo':
      throw unpacking.refuse(name, 'is a named pipe')
    default:
      throw unpacking.refuse(name, 'is of a kind that pypaas does not unpack')
  }
}
