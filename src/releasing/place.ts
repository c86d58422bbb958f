/** Where a release is put: the repository of artifacts, or a directory that the servers share. */
import { copyFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { BuiltArtifact } from '../artifact/assemble.ts'
import { sha256Of } from '../artifact/info.ts'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { SIGNATURE } from '../store/artifacts.ts'
import { openArtifacts } from '../store/open.ts'
import { withoutArmour } from '../store/signed.ts'
import { compareVersions, DEFAULT_TARGET } from '../store/versions.ts'
import { replaceFile, syncDirectory, temporaryBeside } from '../system/files.ts'

export type Place =
  | { readonly kind: 'directory'; readonly path: string }
  /** `address` undefined: the configured one. */
  | { readonly kind: 'repository'; readonly address: string | undefined; readonly target: string }

/** One artifact at its place. */
export type Published =
  | { readonly kind: 'directory'; readonly sha256: string; readonly file: string }
  | {
      readonly kind: 'repository'
      readonly sha256: string
      readonly address: string | undefined
      readonly app: string
      readonly target: string
      readonly version: string
    }

export interface PlaceOptions {
  /** A directory that the servers share. */
  readonly to?: string | undefined
  /** Another repository than is configured. */
  readonly store?: string | undefined
  /** Default: `master`. */
  readonly target?: string | undefined
}

/** @throws PypaasError `usage` or `config` if there is no such place */
export async function placeOf(ctx: Context, cwd: string, options: PlaceOptions): Promise<Place> {
  const { to, store, target = DEFAULT_TARGET } = options
  if (to !== undefined && (store !== undefined || options.target !== undefined)) {
    throw new PypaasError('usage', '--to names a directory, which has neither a store nor targets', {
      hint: 'give --to alone, or --store and --target',
    })
  }
  if (to !== undefined) {
    const path = resolve(cwd, to)
    const found = await stat(path).catch(() => undefined)
    if (found?.isDirectory() === true) return { kind: 'directory', path }
    throw new PypaasError('usage', `there is no directory ${path}`, {
      hint: 'make it, or mount the share that it is on',
    })
  }
  if (store === undefined && ctx.config.main.artifacts?.store === undefined) {
    throw new PypaasError('usage', 'there is no place for the artifact', {
      hint: 'name a directory that the servers share with --to, a repository of artifacts with --store, or set `artifacts: {store: …}` in pypaas.yml',
    })
  }
  // Now, not after the build, it is said if it cannot be used.
  await openArtifacts(ctx, { store })
  return { kind: 'repository', address: store, target }
}

/** What the artifact will be there. */
export function publishedAt(
  place: Place,
  { path, sha256, info: { name, version } }: BuiltArtifact,
): Published {
  return place.kind === 'directory'
    ? { kind: 'directory', sha256, file: join(place.path, basename(path)) }
    : { kind: 'repository', sha256, address: place.address, app: name, target: place.target, version }
}

/** @throws PypaasError `failed` if that version is there already */
export async function refuseTaken(ctx: Context, published: Published): Promise<void> {
  if ((await present(ctx, published)) === undefined) return
  const what = published.kind === 'directory' ? published.file : `${published.app} ${published.version}`
  throw new PypaasError('failed', `${what} is there already`, { hint: 'release another version' })
}

/**
 * Puts the artifact where others see it, as a whole.
 * @throws PypaasError `failed`, `cancelled`
 */
export async function publish(
  ctx: Context,
  published: Published,
  { path, info, signature }: BuiltArtifact & { readonly signature: string | undefined },
  signal: AbortSignal,
): Promise<void> {
  if (published.kind === 'directory') {
    if (signature !== undefined) await replaceFile(`${published.file}.sig`, signature)
    return copyTo(published.file, path)
  }
  const { address, app, target, version } = published
  const artifacts = await openArtifacts(ctx, { store: address })
  const meta = {
    commit: info.commit,
    platform: info.platform,
    ...(info.tag === undefined ? {} : { tag: info.tag }),
    ...(signature === undefined ? {} : { [SIGNATURE]: withoutArmour(signature) }),
  }
  await artifacts.put({ app, target, version }, path, meta, { signal })
}

/** Whether a publication that was cut short had come to its end; if not, nothing is left of it. */
export async function wasPublished(ctx: Context, published: Published): Promise<boolean> {
  // Somebody else may have released the same version.
  if ((await present(ctx, published)) !== published.sha256) return false
  // It appears under its name as a whole.
  if (published.kind === 'directory') return true
  const { address, app, target, version } = published
  const artifacts = await openArtifacts(ctx, { store: address })
  const latest = await artifacts.latest({ app, target })
  if (latest !== undefined && compareVersions(latest, version) >= 0) return true
  await withdraw(ctx, published)
  return false
}

/** Removes what was published, unless somebody else has put something else there. */
export async function withdraw(ctx: Context, published: Published): Promise<void> {
  if ((await present(ctx, published)) !== published.sha256) return
  if (published.kind === 'directory') {
    await rm(published.file, { force: true })
    return rm(`${published.file}.sig`, { force: true })
  }
  const { address, app, target, version } = published
  await (await openArtifacts(ctx, { store: address })).delete({ app, target, version })
}

/** SHA-256 of what is there under that name. */
async function present(ctx: Context, published: Published): Promise<string | undefined> {
  if (published.kind === 'directory') {
    const there = await stat(published.file).catch(() => undefined)
    return there === undefined ? undefined : sha256Of(published.file)
  }
  const { address, app, target, version } = published
  const artifacts = await openArtifacts(ctx, { store: address })
  const versions = await artifacts.versions({ app, target })
  if (!versions.some((each) => each.version === version)) return undefined
  return (await artifacts.meta({ app, target, version })).meta.sha256
}

/** For people: where it is, and what the servers do next. */
export async function shownPlace(
  ctx: Context,
  published: Published,
): Promise<{ readonly at: string; readonly next: readonly string[] }> {
  if (published.kind === 'directory') {
    const top = basename(published.file).replace(/\.(?:tar(?:\.gz|\.bz2)?|zip)$/, '')
    const next = `on each server: unpack ${published.file}, then ${top}/install.sh <where it is to be>`
    return { at: published.file, next: [next] }
  }
  const { app, target, version, address } = published
  const artifacts = await openArtifacts(ctx, { store: address })
  const more = target === DEFAULT_TARGET ? '' : ` --target ${target}`
  const at = `${artifacts.store.shown}: ${app} ${target} ${version}`
  const latest = await artifacts.latest({ app, target })
  if (latest !== undefined && compareVersions(latest, version) > 0) {
    const next = [
      `on each server that is to have it: pypaas deploy ${app}${more} --version ${version}`,
      `hosts that pull artifact:${app}/${target} do not take it: ${latest} is newer`,
    ]
    return { at, next }
  }
  return {
    at,
    next: [
      `on each server: pypaas deploy ${app}${more}`,
      `hosts that pull artifact:${app}/${target} take it by themselves`,
    ],
  }
}

/** Beside its place first, on the same file system. */
async function copyTo(target: string, file: string): Promise<void> {
  const temporary = temporaryBeside(target)
  try {
    await copyFile(file, temporary)
    await rename(temporary, target)
    await syncDirectory(dirname(target))
  } finally {
    await rm(temporary, { force: true })
  }
}
