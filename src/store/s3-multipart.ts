/**
 * A large file into S3, part by part. A part is tried again by itself; an upload that was cut short for good leaves a
 * note on this host, with which the same file goes on where it ended.
 */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListPartsCommand,
  UploadPartCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3'
import { createHash } from 'node:crypto'
import { rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { PypaasError } from '../errors.ts'
import { readIfThere, replaceFile } from '../system/files.ts'
import { changed } from './copy.ts'
import { inOrder } from './part-reader.ts'
import { statusOf } from './s3-client.ts'
import { toHeaders } from './s3-meta.ts'
import { abortable, etagOf, md5, PART, unlessUnknown, type Bucket } from './s3-sending.ts'
import type { LocalFile, UploadOptions } from './store.ts'
import { persistently } from './transient.ts'

const MIB = 2 ** 20
/** Parts that are on their way at once; each is in memory. */
const AT_ONCE = 3
/** Limit of S3 (AWS: "Amazon S3 multipart upload limits"). */
const MOST_PARTS = 10_000

/** @returns the etag; undefined: the condition does not hold any longer */
export async function putParts(
  place: Bucket,
  key: string,
  file: LocalFile,
  handle: FileHandle,
  options: UploadOptions,
): Promise<string | undefined> {
  const note = noteFile(place, key, file, options)
  const upload = await begin(place, key, note, options)
  try {
    const parts = await storeParts(place, upload, file, handle, options)
    // Not every server knows a condition here; this look leaves a moment only.
    const taken = options.ifNoneMatch !== undefined && (await isThere(place, key))
    if (taken) await drop(place, upload)
    const etag = taken ? undefined : await complete(place, upload, file, parts, options)
    await rm(note, { force: true })
    return etag
  } catch (error) {
    // What may go on later keeps its parts; what cannot leaves nothing that costs.
    if (isFinal(error)) {
      await rm(note, { force: true })
      await drop(place, upload)
    }
    throw error
  }
}

async function drop({ client }: Bucket, { Bucket, Key, UploadId }: Upload): Promise<void> {
  await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(() => {})
}

async function isThere({ client, bucket }: Bucket, key: string): Promise<boolean> {
  try {
    await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }))
    return true
  } catch (error) {
    if (statusOf(error) === 404) return false
    throw error
  }
}

interface Upload {
  readonly Bucket: string
  readonly Key: string
  readonly UploadId: string
  /** Etags of the parts that are there, by their numbers. */
  readonly stored: ReadonlyMap<number, string>
}

/** An upload that was cut short, or a new one. */
async function begin(place: Bucket, key: string, note: string, options: UploadOptions): Promise<Upload> {
  const object = { Bucket: place.bucket, Key: key }
  const former = (await readIfThere(note))?.trim()
  const stored = former === undefined ? undefined : await storedParts(place, key, former)
  if (former !== undefined && stored !== undefined) return { ...object, UploadId: former, stored }
  const { UploadId = '' } = await persistently(
    () =>
      place.client.send(
        new CreateMultipartUploadCommand({
          ...object,
          ...place.settings.encryption,
          ...place.settings.storage,
          Metadata: toHeaders(options.meta ?? {}),
        }),
        abortable(options),
      ),
    options.signal,
  )
  await replaceFile(note, `${UploadId}\n`, 0o600)
  return { ...object, UploadId, stored: new Map() }
}

/** Undefined: the server knows nothing of that upload (any longer). */
async function storedParts(
  { client, bucket }: Bucket,
  key: string,
  id: string,
): Promise<Map<number, string> | undefined> {
  const stored = new Map<number, string>()
  let marker: string | undefined
  try {
    do {
      const page = await client.send(
        new ListPartsCommand({ Bucket: bucket, Key: key, UploadId: id, PartNumberMarker: marker }),
      )
      for (const { PartNumber, ETag } of page.Parts ?? []) {
        if (PartNumber !== undefined && ETag !== undefined) stored.set(PartNumber, ETag)
      }
      marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined
    } while (marker !== undefined)
    return stored
  } catch (error) {
    if (statusOf(error) === 404) return undefined
    throw error
  }
}

/** Several at once; read in order, so that the whole is known to be the file that was looked at. */
async function storeParts(
  place: Bucket,
  { stored, ...upload }: Upload,
  file: LocalFile,
  handle: FileHandle,
  options: UploadOptions,
): Promise<CompletedPart[]> {
  const size = Math.max(PART, Math.ceil(file.size / MOST_PARTS / MIB) * MIB)
  const reader = inOrder(handle)
  const parts: CompletedPart[] = []
  let done = 0
  const broken = new AbortController()
  const work = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafe(size)
    for (;;) {
      const part = broken.signal.aborted ? undefined : await reader.read(buffer)
      if (part === undefined) return
      const { number, body } = part
      const etag = stored.get(number) ?? (await storePart(place, upload, number, body, options))
      parts.push({ PartNumber: number, ETag: etag })
      done += body.length
      options.progress?.(done)
    }
  }
  await allOf(Array.from({ length: AT_ONCE }, work), broken)
  if (reader.digest() !== file.sha256) throw changed(file)
  return parts.toSorted((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0))
}

async function storePart(
  place: Bucket,
  upload: Omit<Upload, 'stored'>,
  number: number,
  body: Buffer,
  options: UploadOptions,
): Promise<string> {
  const command = { ...upload, PartNumber: number, Body: body, ContentMD5: md5(body) }
  const stored = await persistently(
    () => place.client.send(new UploadPartCommand(command), abortable(options)),
    options.signal,
  )
  return stored.ETag ?? ''
}

async function complete(
  place: Bucket,
  { Bucket, Key, UploadId }: Upload,
  file: LocalFile,
  Parts: CompletedPart[],
  options: UploadOptions,
): Promise<string> {
  const command = { Bucket, Key, UploadId, MultipartUpload: { Parts } }
  try {
    const stored = await persistently(
      () =>
        unlessUnknown(options, (condition) =>
          place.client.send(
            new CompleteMultipartUploadCommand({ ...command, ...condition }),
            abortable(options),
          ),
        ),
      options.signal,
    )
    return etagOf(stored.ETag)
  } catch (error) {
    // Only the answer was lost, or another process has completed the same upload.
    if (statusOf(error) === 404) {
      const found = await place.client.send(new HeadObjectCommand({ Bucket, Key })).catch(() => undefined)
      if (found?.Metadata?.['sha256'] === file.sha256) return etagOf(found.ETag)
    }
    throw error
  }
}

/** Where it is noted that this file is on its way to that key with that metadata. */
function noteFile({ notes, shown }: Bucket, key: string, file: LocalFile, { meta }: UploadOptions): string {
  const what = JSON.stringify([shown, key, file.sha256, meta])
  return join(notes, createHash('sha256').update(what).digest('hex'))
}

/** Whether nothing of the upload can be used any more: the server has refused it, or the file has changed. */
function isFinal(error: unknown): boolean {
  const status = statusOf(error)
  const refused = status !== undefined && status >= 400 && status < 500
  return refused || (error instanceof PypaasError && error.code === 'failed')
}

/** All have ended when it returns or throws: none goes on reading a file that is closed. */
async function allOf(work: readonly Promise<void>[], broken: AbortController): Promise<void> {
  const guarded = work.map((one) =>
    one.catch((error: unknown) => {
      broken.abort()
      throw error
    }),
  )
  const failed = (await Promise.allSettled(guarded)).find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
