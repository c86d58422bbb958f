/** Reads a zip into an {@link Unpacking}. */
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { crc32 } from 'node:zlib'
import { open, type Entry, type ZipFile } from 'yauzl'
import { messageOf, PypaasError } from '../errors.ts'
import type { Described, Unpacking } from './unpacking.ts'

/** Bits of the file type in a Unix mode (stat(2)). */
const TYPE = 0o170000
const REGULAR = 0o100000
const LINK = 0o120000
const DIRECTORY = 0o040000
/** Upper byte of "version made by": the mode is Unix's (APPNOTE 4.4.2.2). */
const UNIX = 3
/** No path may be longer (limits.h). */
const PATH_MAX = 4096

export async function readZip(
  file: string,
  unpacking: Unpacking,
  signal: AbortSignal | undefined,
): Promise<void> {
  const archive = await openZip(file)
  try {
    for (;;) {
      const entry = await nextEntry(archive).catch((error: unknown) => {
        throw refusedName(error, unpacking)
      })
      if (entry === undefined) return
      signal?.throwIfAborted()
      await unpackEntry(archive, entry, unpacking, signal)
    }
  } finally {
    archive.close()
  }
}

async function unpackEntry(
  archive: ZipFile,
  entry: Entry,
  unpacking: Unpacking,
  signal: AbortSignal | undefined,
): Promise<void> {
  const name = entry.fileName
  const unix = entry.versionMadeBy >> 8 === UNIX ? entry.externalFileAttributes >>> 16 : 0
  const described: Described = {
    name,
    mode: (unix & 0o7777) === 0 ? 0o644 : unix & 0o7777,
    mtime: entry.getLastModDate({ timezone: 'UTC' }),
  }
  if (entry.isEncrypted()) throw unpacking.refuse(name, 'is encrypted')
  switch (unix & TYPE) {
    case 0:
    case REGULAR:
    case DIRECTORY:
      // A directory is known by its name (APPNOTE 4.3.8).
      if (name.endsWith('/')) return unpacking.directory(described)
      return unpacking.file(described, await contentOf(archive, entry, signal))
    case LINK: {
      if (entry.uncompressedSize > PATH_MAX) throw unpacking.refuse(name, 'is a link with too long a target')
      return unpacking.link(
        described,
        (await buffer(await contentOf(archive, entry, signal))).toString('utf8'),
      )
    }
    default:
      throw unpacking.refuse(name, 'is neither a file nor a directory nor a link')
  }
}

/** The bytes of an entry; ends with an error if they are not those that were packed. */
async function contentOf(archive: ZipFile, entry: Entry, signal: AbortSignal | undefined): Promise<Readable> {
  const source = await new Promise<Readable>((resolve, reject) => {
    archive.openReadStream(entry, (error, stream) => (error == null ? resolve(stream) : reject(error)))
  })
  return Readable.from(
    (async function* checked() {
      let sum = 0
      for await (const chunk of source) {
        signal?.throwIfAborted()
        sum = crc32(chunk as Buffer, sum)
        yield chunk as Buffer
      }
      if (sum !== entry.crc32) {
        throw new PypaasError(
          'failed',
          `the archive is damaged: ${JSON.stringify(entry.fileName)} is not what was packed`,
          {
            hint: 'fetch it once more, or make it anew',
          },
        )
      }
    })(),
  )
}

/** yauzl looks at names before we do; what it does not let through is refused as we refuse it. */
function refusedName(error: unknown, unpacking: Unpacking): unknown {
  const [, what, name] =
    /^(invalid relative path|absolute path|invalid characters in fileName): (.*)$/s.exec(messageOf(error)) ??
    []
  if (what === undefined || name === undefined) return error
  return unpacking.refuse(
    name,
    what === 'absolute path' ? 'has an absolute path' : 'has a path that is not safe',
  )
}

function openZip(file: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    open(file, { lazyEntries: true, autoClose: false }, (error, archive) =>
      error == null ? resolve(archive) : reject(error),
    )
  })
}

async function nextEntry(archive: ZipFile): Promise<Entry | undefined> {
  const heard = new AbortController()
  const { signal } = heard
  try {
    const found = Promise.race([
      // `once` rejects on 'error'.
      once(archive, 'entry', { signal }) as Promise<[Entry]>,
      once(archive, 'end', { signal }).then(() => [undefined] as const),
    ])
    archive.readEntry()
    return (await found)[0]
  } finally {
    heard.abort()
  }
}
