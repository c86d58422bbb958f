/** A file out of a store: as it comes, continued where it broke off, and named only when it is whole and right. */
import { createHash, type Hash } from 'node:crypto'
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { dirname } from 'node:path'
import { PypaasError, systemFailure } from '../errors.ts'
import { syncDirectory, temporaryBeside } from '../system/files.ts'
import type { Store, StoreHead } from './store.ts'
import { persistently } from './transient.ts'

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined
  /** Bytes that are here so far, and how many there will be. */
  readonly progress?: ((done: number, total: number) => void) | undefined
  /** Looks at the whole file before it gets its name; what it throws keeps it from that. */
  readonly check?: ((file: string) => Promise<void>) | undefined
}

/** Milliseconds without a byte after which a connection counts as broken. */
const STALL = 30_000

/**
 * Puts the content into the file `into`, which is replaced as a whole or not touched.
 * @param sha256 that it must have, lower-case hex; undefined where nobody knows it
 * @returns the SHA-256 that it has
 * @throws PypaasError `failed`, also if the content is not what it should be; `cancelled`
 */
export async function download(
  store: Store,
  head: StoreHead,
  sha256: string | undefined,
  into: string,
  options: DownloadOptions = {},
): Promise<string> {
  await mkdir(dirname(into), { recursive: true })
  const temporary = temporaryBeside(into)
  const file = await open(temporary, 'wx', 0o644)
  let digest: string
  try {
    try {
      digest = await fill(store, head, file, options)
      if (sha256 !== undefined && digest !== sha256) throw altered(store, head, sha256, digest)
      await file.sync()
    } finally {
      await file.close()
    }
    await options.check?.(temporary)
    await rename(temporary, into)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(dirname(into))
  return digest
}

/** @returns the SHA-256 of what came */
async function fill(
  store: Store,
  head: StoreHead,
  file: FileHandle,
  { signal, progress }: DownloadOptions,
): Promise<string> {
  const hash: Hash = createHash('sha256')
  let at = 0
  await persistently(async (progressed) => {
    if (at === head.size && at > 0) return
    const object = await store.read(head.key, { from: at, ifMatch: head.etag, signal })
    if (object === undefined) {
      throw new PypaasError('failed', `${store.shown}/${head.key} has been removed while it was read`)
    }
    for await (const chunk of flowing(object.body)) {
      at += chunk.length
      if (at > head.size) break
      hash.update(chunk)
      await append(file, chunk)
      progressed()
      progress?.(at, head.size)
    }
    if (at < head.size) throw Object.assign(new Error('the connection ended early'), { code: 'ECONNRESET' })
  }, signal)
  return hash.digest('hex')
}

/** The chunks of a body; a body that stands still ends with an error. */
async function* flowing(body: Readable): AsyncGenerator<Buffer> {
  const timer = setTimeout(() => {
    body.destroy(Object.assign(new Error('nothing came any more'), { code: 'ETIMEDOUT' }))
  }, STALL)
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      timer.refresh()
      yield chunk
    }
  } finally {
    clearTimeout(timer)
    body.destroy()
  }
}

/** A failure of this host's disk is none of the connection's. */
async function append(file: FileHandle, chunk: Buffer): Promise<void> {
  try {
    await file.writeFile(chunk)
  } catch (error) {
    throw systemFailure(error) ?? new PypaasError('failed', 'the file cannot be written', { cause: error })
  }
}

function altered(store: Store, { key }: StoreHead, expected: string, found: string): PypaasError {
  return new PypaasError(
    'failed',
    `${store.shown}/${key} is not what was put there: its SHA-256 is not right`,
    {
      hint: 'it has been altered or damaged in the store; `artifact delete` it and put it again',
      output: [`expected ${expected}`, `found    ${found}`],
    },
  )
}
