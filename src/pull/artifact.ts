/** The newest version of an app in the repository of artifacts. A look reads one small document. */
import { mkdir } from 'node:fs/promises'
import type { ArtifactRemote } from '../config/remote.ts'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { archiveNews } from './archive.ts'
import { downloadFiles, dropDownload, noteDownload, readDownload } from './download.ts'
import type { Look, LookOptions } from './look.ts'

export async function lookAtArtifact(
  ctx: Context,
  remote: ArtifactRemote,
  { known, cache, owner, output, signal, begin }: LookOptions,
): Promise<Look> {
  const { openArtifacts } = await import('../store/open.ts')
  const artifacts = await openArtifacts(ctx)
  const { app, target } = remote
  const ref = { app, target, artifact: remote.artifact ?? `${app}.tar.gz` }
  const version = await artifacts.latest(ref)
  if (version === undefined) {
    throw new PypaasError(
      'failed',
      `the repository of artifacts has no ${ref.artifact} of ${app} ${target}`,
      {
        hint: '`artifact put` brings one there; `artifact apps` lists what there is',
      },
    )
  }
  const files = downloadFiles({ cache, owner }, `${remote.shown} ${ref.artifact}`)
  if (known?.['version'] === version) return { same: known }
  let fetched = await readDownload(files)
  if (fetched?.complete !== true || fetched.version['version'] !== version) {
    begin?.()
    await dropDownload(files)
    await mkdir(cache, { recursive: true, mode: 0o700 })
    output.line(`fetching ${ref.artifact} ${version} of ${app} ${target}`)
    const { meta } = await artifacts.get({ ...ref, version }, files.archive, { signal })
    const complete = { version, sha256: meta.sha256 }
    await noteDownload(files, complete, true)
    fetched = { version: complete, complete: true, size: meta.size }
  }
  const { news } = archiveNews(files, fetched.version, {
    shown: remote.shown,
    sha256: fetched.version['sha256'] ?? '',
    signal,
  })
  return { news: { ...news, name: version, subject: `version ${version}` } }
}
