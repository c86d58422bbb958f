/** Brings a version of an app from the repository of artifacts to this host: downloaded, checked, unpacked. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { unpackArchive } from '../artifact/unpack.ts'
import { subjectOf } from '../artifact/info.ts'
import type { Context } from '../context.ts'
import type { AppRef } from '../paths.ts'
import type { Artifacts } from '../store/artifacts.ts'
import type { HookRun } from './app-hooks.ts'
import { contentsOf, type Contents } from './contents.ts'

/** A version in the repository. */
export interface Wanted {
  readonly app: AppRef
  readonly artifact: string
  readonly version: string
}

export interface Fetched extends Contents {
  readonly sha256: string
  /** 40 hex digits. */
  readonly commit: string
  /** First line of the commit's message; of other archives, the version. */
  readonly subject: string
}

/**
 * Puts a version into the app's working area. The caller holds the app's lock.
 * @throws PypaasError if it is not there, not signed as it must be, not whole, or not safe to unpack
 */
export async function fetchVersion(
  ctx: Context,
  artifacts: Artifacts,
  { app, artifact, version }: Wanted,
  { output, signal }: HookRun & { readonly signal: AbortSignal },
): Promise<Fetched> {
  const { unpack } = ctx.paths.app(app)
  await emptyWorkingArea(ctx, app)
  await mkdir(unpack, { recursive: true, mode: 0o700 })
  const archive = join(unpack, 'archive')
  output.line(`-----> Fetching ${artifact} ${version} of ${app.app} ${app.target}`)
  const got = await artifacts.get({ ...app, artifact, version }, archive, { signal })
  const tree = join(unpack, 'tree')
  await unpackArchive(archive, tree, undefined, signal)
  await rm(archive)
  const contents = await contentsOf(tree, { app: app.app, artifact, version })
  const { info } = contents
  const { sha256 } = got.meta
  return {
    ...contents,
    sha256,
    commit: /^[0-9a-f]{40}$/.test(info?.commit ?? '') ? (info?.commit ?? '') : sha256.slice(0, 40),
    subject: subjectOf(info) ?? `version ${version}`,
  }
}

/** Removes what a former deploy has left in it. The caller holds the app's lock. */
export async function emptyWorkingArea(ctx: Context, app: AppRef): Promise<void> {
  await rm(ctx.paths.app(app).unpack, { recursive: true, force: true })
}
