/**
 * Archives at a URL. Every look is one conditional request (RFC 9110, 13): while nothing changes, no content is
 * sent. A download that breaks is gone on with from where it broke, if the server can; else it begins anew.
 */
import type { HttpRemote } from '../config/remote.ts'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { downloadFiles, dropDownload, hashOf, noteDownload, readDownload, type Download } from './download.ts'
import { archiveNews } from './archive.ts'
import { receive } from './http-transfer.ts'
import { ask } from './http-request.ts'
import { isSame, versionOf } from './http-version.ts'
import type { Look, LookOptions, Version } from './look.ts'

export async function lookAtHttp(_ctx: Context, remote: HttpRemote, options: LookOptions): Promise<Look> {
  const { known, signal } = options
  const files = downloadFiles(options, remote.url)
  const kept = await readDownload(files)
  const fetched = kept?.complete === true && !isKnown(kept.version, known) ? kept : undefined
  // What was fetched and not yet put in its place is newer than what is known.
  const base = fetched?.version ?? known
  const answer = await ask(remote, { ...conditions(base), signal })
  if (answer.status === 304) {
    answer.discard()
    if (fetched !== undefined) return news(remote, options, fetched)
    await dropDownload(files)
    return { same: known ?? {} }
  }
  if (answer.status !== 200) {
    answer.discard()
    throw refused(remote, answer.status)
  }
  const version = versionOf(answer)
  // A server that knows no conditions sends it all over again: not to us.
  if (known !== undefined && isSame(version, known)) {
    answer.discard()
    await dropDownload(files)
    return { same: known }
  }
  if (fetched !== undefined && isSame(version, fetched.version)) {
    answer.discard()
    return news(remote, options, fetched)
  }
  const partial = kept !== undefined && isSame(version, kept.version) ? kept.size : 0
  options.begin?.()
  await receive(remote, answer, { ...options, files, version, partial })
  const sha256 = await hashOf(files.archive, signal)
  const complete = { ...version, sha256 }
  if (known !== undefined && known['sha256'] === sha256) {
    await dropDownload(files)
    return { same: complete }
  }
  await noteDownload(files, complete, true)
  return news(remote, options, { version: complete })
}

function news(remote: HttpRemote, options: LookOptions, { version }: Pick<Download, 'version'>): Look {
  return archiveNews(downloadFiles(options, remote.url), version, {
    shown: remote.shown,
    sha256: version['sha256'] ?? '',
    signal: options.signal,
  })
}

/** Whether the content is in its place, though its download was not forgotten. */
function isKnown(version: Version, known: Version | undefined): boolean {
  return known !== undefined && version['sha256'] === known['sha256']
}

/** Headers of a request that is to be answered with 304 if this is still what is there. */
function conditions(base: Version | undefined): { headers: Record<string, string> } {
  const { etag, modified } = base ?? {}
  // With both, a server looks at the tag only (RFC 9110, 13.1.3).
  return {
    headers: {
      ...(etag === undefined ? {} : { 'If-None-Match': etag }),
      ...(modified === undefined ? {} : { 'If-Modified-Since': modified }),
    },
  }
}

function refused({ shown, credentials }: HttpRemote, status: number): PypaasError {
  const access =
    credentials === undefined
      ? 'it wants credentials: put them into the URL, as in https://user:password@host/…'
      : 'it does not take the credentials of the URL'
  return new PypaasError('failed', `${shown} answers with HTTP status ${status}`, {
    hint:
      status === 401 || status === 403
        ? access
        : status === 404
          ? 'there is nothing at that URL'
          : 'try the URL with curl; it is tried again at the next schedule',
  })
}
