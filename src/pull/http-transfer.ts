/** Receives an archive into its file, over as many connections as it takes. */
import { createWriteStream } from 'node:fs'
import { stat, truncate } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { HttpRemote } from '../config/remote.ts'
import { hasErrno, messageOf, PypaasError } from '../errors.ts'
import type { Output } from '../system/output.ts'
import { dropDownload, noteDownload, type DownloadFiles } from './download.ts'
import { ask, broken, isBroken, type Answer } from './http-request.ts'
import { isSame, versionOf } from './http-version.ts'
import type { Version } from './look.ts'

/** How often in a row a connection may break without a single byte having come. */
const TRIES = 4
/** How often it may break in all. */
const BREAKS = 50
/** Milliseconds before the second try; twice as long before each further one. */
const PAUSE = 250

export interface Reception {
  readonly files: DownloadFiles
  /** What `answer` said that it is. */
  readonly version: Version
  /** Bytes of it that are there from an earlier time. */
  readonly partial: number
  readonly signal: AbortSignal
  readonly output: Output
}

/**
 * Fetches the whole archive. What has come is kept if it fails, so that the next look goes on from there.
 * @param first an answer with status 200, whose content has not been read
 * @throws PypaasError `failed` if it breaks too often, changes meanwhile, or is shorter than announced
 */
export async function receive(remote: HttpRemote, first: Answer, reception: Reception): Promise<void> {
  const { files, version, partial, signal, output } = reception
  let answer: Answer | undefined = first
  let fruitless = 0
  await noteDownload(files, version, false)
  if (partial > 0) {
    answer.discard()
    answer = undefined
  } else {
    await truncate(files.archive).catch(ifMissing)
  }
  for (let breaks = 0; ; breaks++) {
    const had = (await sizeOf(files)) ?? 0
    try {
      answer ??= await ask(remote, { headers: rangeFrom(had, version), signal })
      await append(remote, answer, had, reception)
      return
    } catch (error) {
      if (signal.aborted) throw cancelled(remote)
      if (hasErrno(error, 'ENOSPC', 'EDQUOT')) await dropDownload(files)
      if (!isBroken(error)) throw error
      fruitless = ((await sizeOf(files)) ?? 0) > had ? 0 : fruitless + 1
      if (fruitless >= TRIES || breaks >= BREAKS) throw error
      output.line(`${messageOf(error)}; trying again`)
      await delay(PAUSE * 2 ** fruitless, undefined, { signal }).catch(() => {})
      if (signal.aborted) throw cancelled(remote)
    } finally {
      answer = undefined
    }
  }
}

/** Puts an answer's content behind the `had` bytes that are there, or in their place if the server began anew. */
async function append(
  remote: HttpRemote,
  answer: Answer,
  had: number,
  { files, version, signal }: Reception,
): Promise<void> {
  const { status, headers } = answer
  const range = status === 206 ? rangeOf(headers) : undefined
  if (status !== 200 && range?.from !== had) {
    answer.discard()
    // What is there is not what the server goes on from: all of it anew.
    if (status === 206 || status === 416) await truncate(files.archive).catch(ifMissing)
    throw broken(remote.shown, false, new Error(`HTTP status ${status} in the middle of it`))
  }
  if (!isSameAnswer(answer, version)) {
    answer.discard()
    await dropDownload(files)
    throw new PypaasError('failed', `${remote.shown} changed while it was fetched`, {
      hint: 'it is tried again at the next schedule',
    })
  }
  const total = range === undefined ? lengthOf(headers) : range.total
  const flags = range === undefined ? 'w' : 'a'
  await pipeline(answer.content(), createWriteStream(files.archive, { flags, mode: 0o600 }), { signal })
  const size = (await sizeOf(files)) ?? 0
  if (total === undefined || size === total) return
  if (size > total) await truncate(files.archive)
  throw broken(remote.shown, false, new Error(`${size} of ${total} bytes came`))
}

/** A part is asked for only of what is still there; else the server sends all of it (RFC 9110, 13.1.5). */
function rangeFrom(had: number, { etag, modified }: Version): Record<string, string> {
  const strong = etag !== undefined && !etag.startsWith('W/') ? etag : undefined
  const condition = strong ?? (etag === undefined ? modified : undefined)
  if (had === 0 || condition === undefined) return {}
  return { Range: `bytes=${had}-`, 'If-Range': condition }
}

/** Whether it is still the content that was asked for at first. A part says only its own length. */
function isSameAnswer(answer: Answer, version: Version): boolean {
  const { length: _, ...rest } = versionOf(answer)
  const now = version['length'] === undefined ? rest : { ...rest, length: version['length'] }
  const tells = version['etag'] !== undefined || version['modified'] !== undefined
  return !tells || isSame(now, version)
}

/** `Content-Range: bytes 5-9/10` (RFC 9110, 14.4). */
function rangeOf(headers: Headers): { from: number; total: number | undefined } | undefined {
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? []
  if (from === undefined) return undefined
  return { from: Number(from), total: total === '*' ? undefined : Number(total) }
}

/** Undefined where the content was encoded all the same: then it is the encoding's length. */
function lengthOf(headers: Headers): number | undefined {
  const length = headers.get('content-length')
  return length === null || headers.get('content-encoding') !== null ? undefined : Number(length)
}

function cancelled({ shown }: HttpRemote): PypaasError {
  return new PypaasError('cancelled', `cancelled: pulling from ${shown}`)
}

async function sizeOf({ archive }: DownloadFiles): Promise<number | undefined> {
  try {
    return (await stat(archive)).size
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

function ifMissing(error: unknown): void {
  if (!hasErrno(error, 'ENOENT')) throw error
}
