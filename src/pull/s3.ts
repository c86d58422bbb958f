/** An archive in a bucket. A look is one HEAD, whose ETag says whether it is another one. */
import { createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { S3Remote } from '../config/remote.ts'
import type { Context } from '../context.ts'
import { hasErrno, PypaasError } from '../errors.ts'
import { DEFAULT_S3, openStore } from '../store/open.ts'
import type { Store, StoreHead } from '../store/store.ts'
import { persistently } from '../store/transient.ts'
import { archiveNews } from './archive.ts'
import {
  downloadFiles,
  dropDownload,
  hashOf,
  noteDownload,
  readDownload,
  type DownloadFiles,
} from './download.ts'
import type { AwsKeys, Look, LookOptions, Version } from './look.ts'

export async function lookAtS3(
  ctx: Context,
  remote: S3Remote,
  { known, cache, owner, keys, signal, begin }: LookOptions,
): Promise<Look> {
  const store = await openStore(ctx, `s3://${remote.bucket}`, s3Of(ctx, keys))
  const head = await store.head(remote.key)
  if (head === undefined) {
    throw new PypaasError('failed', `there is nothing at ${remote.shown}`, {
      hint: 'look at the name of the key, and whether the keys for S3 may read it',
    })
  }
  const { etag } = head
  if (known?.['etag'] === etag) return { same: known }
  const files = downloadFiles({ cache, owner }, remote.shown)
  const kept = await readDownload(files)
  const isKept = kept?.version['etag'] === etag
  begin?.()
  if (!isKept || !kept.complete) await fetchObject(store, head, files, isKept, signal)
  const sha256 = (isKept && kept.complete && kept.version['sha256']) || (await hashOf(files.archive, signal))
  const version: Version = { etag, sha256 }
  if (known?.['sha256'] === sha256) {
    await dropDownload(files)
    return { same: version }
  }
  await noteDownload(files, version, true)
  return archiveNews(files, version, { shown: remote.shown, sha256, signal })
}

function s3Of(ctx: Context, keys: AwsKeys | undefined) {
  const configured = ctx.config.main.artifacts?.s3 ?? DEFAULT_S3
  return keys === undefined ? configured : { ...configured, ...keys, sessionToken: undefined }
}

/** Into the archive's file; what is there of the same object from an earlier time is gone on from. */
async function fetchObject(
  store: Store,
  { key, etag, size }: StoreHead,
  files: DownloadFiles,
  resume: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (!resume) await dropDownload(files)

  await noteDownload(files, { etag }, false)
  try {
    await persistently(async (progressed) => {
      const from = (await stat(files.archive).catch(() => undefined))?.size ?? 0
      if (from === size) return
      if (from > size) throw new PypaasError('failed', `more came of ${store.shown}/${key} than there is`)
      const object = await store.read(key, { from, ifMatch: etag, signal })
      if (object === undefined) {
        throw new PypaasError('failed', `${store.shown}/${key} has been removed while it was read`)
      }
      object.body.once('data', progressed)
      await pipeline(object.body, createWriteStream(files.archive, { flags: 'a', mode: 0o600 }), { signal })
      const now = (await stat(files.archive)).size
      if (now < size) throw Object.assign(new Error('the connection ended early'), { code: 'ECONNRESET' })
    }, signal)
  } catch (error) {
    if (hasErrno(error, 'ENOSPC', 'EDQUOT')) await dropDownload(files)
    throw error
  }
}
