/** Files of this host: their SHA-256, and copies that are checked against it. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { hasErrno, PypaasError } from '../errors.ts'
import type { LocalFile, UploadOptions } from './store.ts'

/** Bytes that are read at once. */
const CHUNK = 1024 * 1024

/** Looks at the whole file. @throws PypaasError `usage` if it is none, `cancelled` */
export async function localFile(path: string, signal?: AbortSignal): Promise<LocalFile> {
  const hash = createHash('sha256')
  let size = 0
  try {
    if (!(await stat(path)).isFile()) throw notAFile(path)
    for await (const chunk of chunksOf(path, signal)) {
      hash.update(chunk)
      size += chunk.length
    }
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) throw notAFile(path)
    throw error
  }
  return { path, size, sha256: hash.digest('hex') }
}

function notAFile(path: string): PypaasError {
  return new PypaasError('usage', `${path} is no file`, { hint: 'name the archive that is to be put' })
}

/** A durable copy of the file as it was. @throws PypaasError `failed` if it has changed meanwhile, `cancelled` */
export async function copyInto(target: string, file: LocalFile, options: UploadOptions): Promise<void> {
  const hash = createHash('sha256')
  let done = 0
  const copy = await open(target, 'wx', 0o644)
  try {
    for await (const chunk of chunksOf(file.path, options.signal)) {
      hash.update(chunk)
      await copy.writeFile(chunk)
      done += chunk.length
      options.progress?.(done)
    }
    if (hash.digest('hex') !== file.sha256) throw changed(file)
    await copy.sync()
  } finally {
    await copy.close()
  }
}

/** The failure of a file that somebody writes while it is stored. */
export function changed({ path }: LocalFile): PypaasError {
  return new PypaasError('failed', `${path} has changed while it was read`, {
    hint: 'try again when nobody writes it any more',
  })
}

async function* chunksOf(path: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>) {
    if (signal?.aborted) throw new PypaasError('cancelled', `cancelled: reading ${path}`)
    yield chunk
  }
}
