/** A store in a bucket of S3, or below a prefix of one. */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { S3Config } from '../config/types.ts'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { checkKey } from './key.ts'
import { connectS3, s3Failure, statusOf } from './s3-client.ts'
import { fromHeaders, toHeaders } from './s3-meta.ts'
import type { Bucket } from './s3-sending.ts'
import { sweepUploads, uploadFile } from './s3-upload.ts'
import type { Store, StoreEntry, StoreHead, WriteOptions } from './store.ts'

/** @param prefix without slashes at its ends; empty: the whole bucket */
export async function openS3Store(
  ctx: Context,
  bucket: string,
  prefix: string,
  config: S3Config,
): Promise<Store> {
  const connection = await connectS3(ctx.paths.home, config)
  const { client } = connection
  const below = prefix === '' ? '' : `${prefix}/`
  const shown = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`
  const place: Bucket = {
    client,
    bucket,
    shown,
    settings: storageSettings(config),
    notes: ctx.paths.uploads,
  }
  const named = (key: string) => ({ Bucket: bucket, Key: below + checkKey(key) })
  const failed = (error: unknown, key: string): PypaasError => s3Failure(error, `${shown}/${key}`)

  const head = async (key: string): Promise<StoreHead | undefined> => {
    try {
      const found = await client.send(new HeadObjectCommand(named(key)))
      return { ...described(found), key, size: found.ContentLength ?? 0 }
    } catch (error) {
      if (statusOf(error) === 404 && !isBucketMissing(error)) return undefined
      throw failed(error, key)
    }
  }

  return {
    shown,
    now: () => connection.now(),
    head,
    async read(key, { from = 0, ifMatch, signal } = {}) {
      try {
        const found = await client.send(
          new GetObjectCommand({
            ...named(key),
            ...(from === 0 ? {} : { Range: `bytes=${from}-` }),
            ...(ifMatch === undefined ? {} : { IfMatch: quoted(ifMatch) }),
          }),
          abortable(signal),
        )
        const size = from + (found.ContentLength ?? 0)
        return { ...described(found), key, size, body: found.Body as Readable }
      } catch (error) {
        if (statusOf(error) === 404 && !isBucketMissing(error)) return undefined
        if (statusOf(error) === 412) {
          throw new PypaasError('failed', `${shown}/${key} has been replaced while it was read`, {
            hint: 'try again',
          })
        }
        throw failed(error, key)
      }
    },
    async write(key, body, options = {}) {
      const content = Buffer.from(body)
      try {
        const stored = await client.send(
          new PutObjectCommand({
            ...named(key),
            ...place.settings.encryption,
            ...conditions(options),
            Body: content,
            ContentMD5: createHash('md5').update(content).digest('base64'),
            Metadata: toHeaders(options.meta ?? {}),
          }),
          abortable(options.signal),
        )
        return unquoted(stored.ETag)
      } catch (error) {
        if (isConditionFailed(error, options)) return undefined
        if (statusOf(error) === 501) throw noConditions(shown, error)
        throw failed(error, key)
      }
    },
    async upload(key, file, options = {}) {
      // Told before everything is sent for nothing.
      if (options.ifNoneMatch !== undefined && (await head(key)) !== undefined) return undefined
      try {
        return await uploadFile(place, named(key).Key, file, options)
      } catch (error) {
        if (isConditionFailed(error, options)) return undefined
        throw failed(error, key)
      }
    },
    list: async (wanted) => (await listObjects(client, place, below + wanted, below)).entries,
    async children(wanted) {
      const start = below + wanted
      const { entries, prefixes } = await listObjects(client, place, start, below, '/')
      return { entries, directories: prefixes.map((found) => found.slice(start.length, -1)) }
    },
    async remove(key, { ifMatch } = {}) {
      try {
        if (ifMatch !== undefined) {
          // Servers that do not know the condition pass it over, so that this look is all there is.
          const found = await client.send(new HeadObjectCommand(named(key)))
          if (unquoted(found.ETag) !== ifMatch) return false
        }
        await client.send(
          new DeleteObjectCommand({
            ...named(key),
            ...(ifMatch === undefined ? {} : { IfMatch: quoted(ifMatch) }),
          }),
        )
        return true
      } catch (error) {
        if (statusOf(error) === 404 && !isBucketMissing(error)) return ifMatch === undefined
        if (statusOf(error) === 412) return false
        throw failed(error, key)
      }
    },
    async sweep(wanted, before) {
      try {
        await sweepUploads(place, below + wanted, before)
      } catch (error) {
        throw failed(error, wanted)
      }
    },
  }
}

function storageSettings(config: S3Config): Bucket['settings'] {
  const { serverSideEncryption, kmsKey, storageClass } = config
  return {
    encryption: {
      ...(serverSideEncryption === undefined ? {} : { ServerSideEncryption: serverSideEncryption }),
      ...(kmsKey === undefined ? {} : { SSEKMSKeyId: kmsKey }),
    },
    // The SDK's list of classes is Amazon's of its day; other servers have their own.
    storage:
      storageClass === undefined
        ? {}
        : { StorageClass: storageClass as NonNullable<Bucket['settings']['storage']['StorageClass']> },
  }
}

async function listObjects(
  client: S3Client,
  { bucket, shown }: Bucket,
  prefix: string,
  below: string,
  delimiter?: string,
): Promise<{ entries: StoreEntry[]; prefixes: string[] }> {
  const entries: StoreEntry[] = []
  const prefixes: string[] = []
  let token: string | undefined
  try {
    do {
      const page = await client.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          Delimiter: delimiter,
          ContinuationToken: token,
        }),
      )
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
        entries.push({
          key: Key.slice(below.length),
          size: Size,
          modified: LastModified ?? new Date(0),
        })
      }
      for (const { Prefix = '' } of page.CommonPrefixes ?? []) prefixes.push(Prefix)
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  } catch (error) {
    throw s3Failure(error, `${shown}/${prefix.slice(below.length)}`)
  }
  return { entries, prefixes }
}

interface Found {
  readonly ETag?: string | undefined
  readonly LastModified?: Date | undefined
  readonly Metadata?: Record<string, string> | undefined
}

function described({ ETag, LastModified, Metadata }: Found) {
  return { etag: unquoted(ETag), modified: LastModified ?? new Date(0), meta: fromHeaders(Metadata) }
}

function conditions({ ifMatch, ifNoneMatch }: WriteOptions) {
  return {
    // Ceph compares it as it stands, and Amazon takes it without its quotes as well.
    ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
    ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }),
  }
}

/** 412: it does not hold. 409: another write came at the same time. 404: what was to be replaced has gone. */
function isConditionFailed(error: unknown, { ifMatch, ifNoneMatch }: WriteOptions): boolean {
  if (ifMatch === undefined && ifNoneMatch === undefined) return false
  const status = statusOf(error)
  return (
    status === 412 || status === 409 || (status === 404 && ifMatch !== undefined && !isBucketMissing(error))
  )
}

/** To a HEAD there is no text that would tell a missing bucket from a missing object: then it is the object. */
function isBucketMissing(error: unknown): boolean {
  return error instanceof Error && error.name === 'NoSuchBucket'
}

function noConditions(shown: string, cause: unknown): PypaasError {
  return new PypaasError('config', `the server of ${shown} knows no conditional writes`, {
    hint: 'whoever takes turns needs them: use another server for this, or a directory or etcd',
    cause,
  })
}

function abortable(signal: AbortSignal | undefined) {
  return signal === undefined ? {} : { abortSignal: signal }
}

function quoted(etag: string): string {
  return `"${etag}"`
}

function unquoted(etag: string | undefined): string {
  return (etag ?? '').replace(/^"(.*)"$/, '$1')
}
