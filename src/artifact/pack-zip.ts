/** A tree as a stream of zip (PKWARE's APPNOTE; Unix modes and links as Info-ZIP writes them). */
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { ZipFile } from 'yazl'
import type { Tree } from './pack-tar.ts'

/** File types in the upper half of a zip's attributes (stat(2)). */
const REGULAR = 0o100000
const LINK = 0o120000
const DIRECTORY = 0o040000

export function zipOf({ directory, entries, prefix, mtime }: Tree): Readable {
  const archive = new ZipFile()
  // yazl reports on the archive what pipeline(3) has to see on the stream.
  const output = archive.outputStream as Readable
  archive.on('error', (error: Error) => output.destroy(error))
  // A zip has the time of day without a zone: the same for all who pack, so that of UTC.
  const common = { mtime: wallClockOfUtc(mtime), forceDosTimestamp: true }
  if (prefix !== '') archive.addEmptyDirectory(prefix, { ...common, mode: DIRECTORY | 0o755 })
  for (const entry of entries) {
    const name = prefix + entry.path
    switch (entry.kind) {
      case 'directory':
        archive.addEmptyDirectory(`${name}/`, { ...common, mode: DIRECTORY | entry.mode })
        break
      case 'link':
        archive.addBuffer(Buffer.from(entry.target), name, {
          ...common,
          mode: LINK | 0o777,
          compress: false,
        })
        break
      case 'file':
        archive.addReadStreamLazy(
          name,
          { ...common, mode: REGULAR | entry.mode, size: entry.size },
          (callback) => {
            const content = createReadStream(join(directory, entry.path))
            content.on('error', (error) => archive.emit('error', error))
            callback(null, content)
          },
        )
        break
      default:
        entry satisfies never
    }
  }
  archive.end()
  return output
}

/** The moment at which a clock on our wall shows what one of UTC shows at `time`. */
function wallClockOfUtc(time: Date): Date {
  return new Date(
    time.getUTCFullYear(),
    time.getUTCMonth(),
    time.getUTCDate(),
    time.getUTCHours(),
    time.getUTCMinutes(),
    time.getUTCSeconds(),
  )
}
