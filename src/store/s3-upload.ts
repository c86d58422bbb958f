/** Files into S3, and the remains of those that never came. */
import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  type ListMultipartUploadsCommandOutput,
} from '@aws-sdk/client-s3'
import { open, type FileHandle } from 'node:fs/promises'
import { changed } from './copy.ts'
import { inOrder } from './part-reader.ts'
import { toHeaders } from './s3-meta.ts'
import { putParts } from './s3-multipart.ts'
import { abortable, etagOf, md5, PART, unlessUnknown, type Bucket } from './s3-sending.ts'
import type { LocalFile, UploadOptions } from './store.ts'
import { persistently } from './transient.ts'

/** @returns the etag; undefined: the condition does not hold; what it throws are the SDK's errors, or PypaasError `failed` if the file changes meanwhile */
export async function uploadFile(
  place: Bucket,
  key: string,
  file: LocalFile,
  options: UploadOptions,
): Promise<string | undefined> {
  const handle = await open(file.path, 'r')
  try {
    return file.size <= PART
      ? await putWhole(place, key, file, handle, options)
      : await putParts(place, key, file, handle, options)
  } finally {
    await handle.close()
  }
}

async function putWhole(
  place: Bucket,
  key: string,
  file: LocalFile,
  handle: FileHandle,
  options: UploadOptions,
): Promise<string> {
  const reader = inOrder(handle)
  const part = await reader.read(Buffer.allocUnsafe(file.size))
  if (reader.digest() !== file.sha256) throw changed(file)
  const body = part?.body ?? Buffer.alloc(0)
  const stored = await persistently(
    () =>
      unlessUnknown(options, (condition) =>
        place.client.send(
          new PutObjectCommand({
            Bucket: place.bucket,
            Key: key,
            ...place.settings.encryption,
            ...place.settings.storage,
            ...condition,
            Body: body,
            ContentMD5: md5(body),
            Metadata: toHeaders(options.meta ?? {}),
          }),
          abortable(options),
        ),
      ),
    options.signal,
  )
  options.progress?.(file.size)
  return etagOf(stored.ETag)
}

/** Ends uploads below `prefix` that began before that time. */
export async function sweepUploads({ client, bucket }: Bucket, prefix: string, before: Date): Promise<void> {
  let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {}
  while (marker !== undefined) {
    const page: ListMultipartUploadsCommandOutput = await client.send(
      new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, ...marker }),
    )
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Initiated !== undefined && Initiated < before)
        await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }))
    }
    marker =
      page.IsTruncated === true
        ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
        : undefined
  }
}
