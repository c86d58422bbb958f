/**
 * The repository of artifacts: `app/target/artifact/version` in a store, and beside the versions `latest`, which holds
 * the newest one. A version is written once and never changed.
 */
import { PypaasError } from '../errors.ts'
import { collect, type Collected } from './collect.ts'
import { localFile } from './copy.ts'
import { download, type DownloadOptions } from './download.ts'
import { readLatest, setLatest } from './latest.ts'
import type { Store, StoreHead, UploadOptions } from './store.ts'
import {
  artifactPrefix,
  checkName,
  checkVersion,
  compareVersions,
  DEFAULT_TARGET,
  targetOf,
  targetPrefix,
  type ArtifactRef,
} from './versions.ts'

export interface VersionRef extends ArtifactRef {
  readonly version: string
}

/** What the store knows of a version beside its content. */
export interface StoredMeta {
  /** Lower-case hex. */
  readonly sha256: string
  /** Bytes. */
  readonly size: number
  readonly [key: string]: string | number
}

export interface Version {
  readonly version: string
  readonly latest: boolean
  /** Bytes. */
  readonly size: number
  readonly modified: Date
}

/** Name of the metadata that holds a version's signature (`ssh-keygen -Y sign`), its armour taken off. */
export const SIGNATURE = 'signature'

/** Says who signed. @throws PypaasError `denied` if the file is not signed, or not by one who may */
export type Verify = (file: string, meta: StoredMeta) => Promise<string>

export interface Artifacts {
  readonly store: Store
  /**
   * Stores a file as a version; once it is there, `latest` moves to it if it is the newest. The same file may be put
   * again, which finishes what was cut short.
   * @throws PypaasError `failed` if the version is there with another content or signature; `cancelled`
   */
  put(
    ref: VersionRef,
    file: string,
    meta: Readonly<Record<string, string>>,
    options?: Pick<UploadOptions, 'signal'> & {
      readonly progress?: (done: number, total: number) => void
    },
  ): Promise<StoredMeta>
  /**
   * Puts a version (default: the latest) into the file `into`, checked against its SHA-256 and, where signers are
   * configured, its signature before it gets that name.
   * @throws PypaasError `failed`, `denied` (signature), `cancelled`
   */
  get(
    ref: ArtifactRef & { readonly version?: string | undefined },
    into: string,
    options?: Omit<DownloadOptions, 'check'>,
  ): Promise<{ readonly version: string; readonly meta: StoredMeta; readonly signedBy: string | undefined }>
  /** The version that `latest` names. One small request: what polls call. */
  latest(ref: ArtifactRef): Promise<string | undefined>
  /** Oldest first. */
  versions(ref: ArtifactRef): Promise<Version[]>
  apps(): Promise<string[]>
  targets(app: string): Promise<string[]>
  /** Names of the artifacts of a target. */
  files(app: string, target?: string): Promise<string[]>
  /** @throws PypaasError `failed` if there is no such version (default: the latest) */
  meta(
    ref: ArtifactRef & { readonly version?: string | undefined },
  ): Promise<{ readonly version: string; readonly meta: StoredMeta }>
  /** Removes a version. If `latest` names it, that goes to the newest one that is left, first. */
  delete(ref: VersionRef): Promise<void>
  /** Removes the oldest versions beyond `keep`, never one that `latest` names or a host reports live. */
  gc(options: {
    readonly keep: number
    readonly app?: string | undefined
    readonly target?: string | undefined
    readonly dryRun?: boolean
    readonly now: Date
  }): Promise<Collected[]>
}

/** @param verify undefined: signatures are not asked for */
export function artifactsOf(store: Store, verify?: Verify): Artifacts {
  const find = async (
    ref: ArtifactRef & { readonly version?: string | undefined },
  ): Promise<{ version: string; head: StoreHead; meta: StoredMeta }> => {
    const named = ref.version === undefined || ref.version === 'latest' ? undefined : ref.version
    const version = named ?? (await readLatest(store, artifactPrefix(ref)))?.version
    if (version === undefined) {
      throw new PypaasError('failed', `there is no ${artifactPrefix(ref).slice(0, -1)} in ${store.shown}`, {
        hint: '`artifact apps`, `artifact targets` and `artifact files` list what there is',
      })
    }
    const key = keyOf({ ...ref, version })
    const head = await store.head(key)
    if (head === undefined) {
      throw new PypaasError('failed', `there is no ${key} in ${store.shown}`, {
        hint: `\`artifact versions ${ref.app}\` lists what there is`,
      })
    }
    return { version, head, meta: metaOf(store, head) }
  }

  const versions = async (ref: ArtifactRef): Promise<Version[]> => {
    const prefix = artifactPrefix(ref)
    const [{ entries }, latest] = await Promise.all([store.children(prefix), readLatest(store, prefix)])
    return entries
      .map(({ key, size, modified }) => ({ version: key.slice(prefix.length), size, modified }))
      .filter(({ version }) => isName(() => checkVersion(version)))
      .map((entry) => ({ ...entry, latest: entry.version === latest?.version }))
      .toSorted((a, b) => compareVersions(a.version, b.version))
  }

  const apps = async (): Promise<string[]> =>
    (await store.children('')).directories.filter((name) => isName(() => checkName('app', name)))
  const targets = async (app: string): Promise<string[]> => {
    checkName('app', app)
    const found = (await store.children(`${app}/`)).directories.map(targetOf)
    return found.filter((name) => isName(() => checkName('target', name)))
  }
  const files = async (app: string, target: string = DEFAULT_TARGET): Promise<string[]> => {
    const found = (await store.children(targetPrefix(app, target))).directories
    return found.filter((name) => isName(() => checkName('artifact', name)))
  }

  return {
    store,
    async put(ref, path, meta, { signal, progress } = {}) {
      const key = keyOf(ref)
      const file = await localFile(path, signal)
      const stored = await store.upload(key, file, {
        ifNoneMatch: '*',
        meta: { ...meta, sha256: file.sha256 },
        signal,
        progress: progress === undefined ? undefined : (done) => progress(done, file.size),
      })
      // Where the store knows no conditions, another publisher may have come in between.
      const head = await store.head(key)
      if (head?.meta['sha256'] !== file.sha256) throw taken(store, key, stored === undefined)
      const signature = meta[SIGNATURE]
      if (signature !== undefined && signature !== head.meta[SIGNATURE])
        throw otherwiseSigned(store, ref, head)
      await setLatest(store, artifactPrefix(ref), ref.version, versionsBelow(store, artifactPrefix(ref)))
      return metaOf(store, head)
    },
    async get(ref, into, options = {}) {
      const { version, head, meta } = await find(ref)
      let signedBy: string | undefined
      await download(store, head, meta.sha256, into, {
        ...options,
        check: async (file) => {
          signedBy = await verify?.(file, meta)
        },
      })
      return { version, meta, signedBy }
    },
    latest: async (ref) => (await readLatest(store, artifactPrefix(ref)))?.version,
    versions,
    apps,
    targets,
    files,
    async meta(ref) {
      const { version, meta } = await find(ref)
      return { version, meta }
    },
    async delete(ref) {
      await find(ref)
      const prefix = artifactPrefix(ref)
      const others = async (): Promise<string[]> =>
        (await versionsBelow(store, prefix)()).filter((version) => version !== ref.version)
      const latest = await readLatest(store, prefix)
      if (latest?.version === ref.version) await setLatest(store, prefix, undefined, others, ref.version)
      await store.remove(keyOf(ref))
    },
    gc: (options) => collect(store, { apps, targets, files, versions }, options),
  }
}

function keyOf(ref: VersionRef): string {
  checkVersion(ref.version)
  return artifactPrefix(ref) + ref.version
}

function versionsBelow(store: Store, prefix: string): () => Promise<string[]> {
  return async () => {
    const { entries } = await store.children(prefix)
    return entries
      .map(({ key }) => key.slice(prefix.length))
      .filter((version) => isName(() => checkVersion(version)))
  }
}

/** What others have put into the store beside artifacts is passed over. */
function isName(check: () => void): boolean {
  try {
    check()
    return true
  } catch {
    return false
  }
}

function metaOf(store: Store, { key, size, meta }: StoreHead): StoredMeta {
  const { sha256 } = meta
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new PypaasError('failed', `${store.shown}/${key} has no SHA-256 in its metadata`, {
      hint: 'it was not put there by `artifact put`; remove it there, and put it again',
    })
  }
  return { ...meta, sha256, size }
}

/** What was put without a signature would stay so, and be refused where signatures are asked for. */
function otherwiseSigned(store: Store, { app, version }: VersionRef, { key, meta }: StoreHead): PypaasError {
  const how = meta[SIGNATURE] === undefined ? 'without a signature' : 'with another signature'
  return new PypaasError('failed', `${store.shown}/${key} is there already, ${how}`, {
    hint: `a version never changes: \`artifact delete ${app} ${version}\`, then put it again`,
  })
}

function taken(store: Store, key: string, before: boolean): PypaasError {
  const message = before
    ? `${store.shown}/${key} is there already, with another content`
    : `another publisher has put another content as ${store.shown}/${key} at the same time`
  return new PypaasError('failed', message, {
    hint: 'a version never changes: take a new version, or `artifact delete` the old one first',
  })
}
