/** What all requests that store something in S3 have in common. Loads the AWS SDK. */
import type { PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3'
import { createHash } from 'node:crypto'
import { statusOf } from './s3-client.ts'
import type { UploadOptions } from './store.ts'

export interface Bucket {
  readonly client: S3Client
  readonly bucket: string
  /** How messages name it. */
  readonly shown: string
  readonly settings: {
    readonly encryption: Pick<PutObjectCommandInput, 'ServerSideEncryption' | 'SSEKMSKeyId'>
    readonly storage: Pick<PutObjectCommandInput, 'StorageClass'>
  }
  /** Directory of this host for notes of uploads that have not ended. */
  readonly notes: string
}

/** Bytes of a part, and the largest file that is sent as one. */
export const PART = 8 * 2 ** 20

/** With the condition, where the server knows it here (501: it does not). */
export async function unlessUnknown<T>(
  { ifNoneMatch, ifMatch }: UploadOptions,
  send: (condition: { IfNoneMatch?: string; IfMatch?: string }) => Promise<T>,
): Promise<T> {
  try {
    return await send({
      ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }),
      ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
    })
  } catch (error) {
    if (statusOf(error) !== 501) throw error
    return send({})
  }
}

export function abortable({ signal }: UploadOptions) {
  return signal === undefined ? {} : { abortSignal: signal }
}

export function md5(body: Buffer): string {
  return createHash('md5').update(body).digest('base64')
}

export function etagOf(etag: string | undefined): string {
  return (etag ?? '').replace(/^"(.*)"$/, '$1')
}
