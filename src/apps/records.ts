/** What is known of the versions of an app that are on this host, and of a deploy that is not quite over. */
import { readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { nameOfFile } from '../names.ts'
import type { AppRef, Paths } from '../paths.ts'
import { namesIn, readIfThere, readLinkIfThere, replaceFile } from '../system/files.ts'

/** A whole version below `versions/`: unpacked, checked and prepared. */
export interface Installed {
  readonly version: string
  /** Name of the artifact in the repository, and its SHA-256. */
  readonly artifact: string
  readonly sha256: string
  /** 40 hex digits: the commit that it was built from, or the first of the SHA-256. */
  readonly commit: string
  readonly subject: string
  /** Who deployed it, and when last (ISO 8601, UTC). */
  readonly by: string
  readonly deployed: string
  /** The version that was live then: where a rollback goes. */
  readonly former?: string
}

/** A version that is made live: what is left to do once it is. */
export interface Pending {
  readonly version: string
  /** The source of the release, for an app with runners. */
  readonly source: string
}

/** The version that `live` names. Undefined: none, as for an app with runners. */
export async function liveVersion(paths: Paths, app: AppRef): Promise<string | undefined> {
  const target = await readLinkIfThere(paths.app(app).live)
  return target === undefined ? undefined : nameOfFile(basename(target))
}

/** Durable: a version is whole by this record. */
export async function writeInstalled(paths: Paths, app: AppRef, installed: Installed): Promise<void> {
  await replaceFile(
    paths.app(app).record(installed.version),
    `${JSON.stringify(installed, null, 2)}\n`,
    0o600,
  )
}

export async function readInstalled(
  paths: Paths,
  app: AppRef,
  version: string,
): Promise<Installed | undefined> {
  const text = await readIfThere(paths.app(app).record(version))
  return text === undefined ? undefined : (JSON.parse(text) as Installed)
}

/** Every whole version, the one that was deployed last at the end. */
export async function listInstalled(paths: Paths, app: AppRef): Promise<Installed[]> {
  const { records } = paths.app(app)
  const files = (await namesIn(records)).filter((name) => name.endsWith('.json') && !name.startsWith('.'))
  const texts = await Promise.all(files.map((name) => readFile(join(records, name), 'utf8')))
  return texts
    .map((text) => JSON.parse(text) as Installed)
    .toSorted((a, b) => (a.deployed < b.deployed ? -1 : 1))
}

/** Removes a version that is not live. Its record goes first: half of a version is none. */
export async function removeInstalled(paths: Paths, app: AppRef, version: string): Promise<void> {
  const places = paths.app(app)
  await rm(places.record(version), { force: true })
  await rm(places.version(version), { recursive: true, force: true })
}

export async function writePending(paths: Paths, app: AppRef, pending: Pending): Promise<void> {
  await replaceFile(paths.app(app).pending, `${JSON.stringify(pending)}\n`, 0o600)
}

export async function readPending(paths: Paths, app: AppRef): Promise<Pending | undefined> {
  const text = await readIfThere(paths.app(app).pending)
  return text === undefined ? undefined : (JSON.parse(text) as Pending)
}

export async function clearPending(paths: Paths, app: AppRef): Promise<void> {
  await rm(paths.app(app).pending, { force: true })
}
