/** Which versions of a repository may go, and their removal. */
import { PypaasError } from '../errors.ts'
import { fileName } from '../names.ts'
import type { Version } from './artifacts.ts'
import { readDocument, type Store } from './store.ts'
import { artifactPrefix, type ArtifactRef } from './versions.ts'

export interface Collected {
  readonly app: string
  readonly target: string
  readonly artifact: string
  readonly version: string
  /** Bytes. */
  readonly size: number
}

/** The lists of {@link Artifacts}. */
interface Lists {
  apps(): Promise<string[]>
  targets(app: string): Promise<string[]>
  files(app: string, target?: string): Promise<string[]>
  versions(ref: ArtifactRef): Promise<Version[]>
}

interface CollectOptions {
  readonly keep: number
  readonly app?: string | undefined
  readonly target?: string | undefined
  readonly dryRun?: boolean
  readonly now: Date
}

/** Hours after which something that is still being stored counts as given up. */
const GIVEN_UP = 24 * 7

/** @returns what was removed, or would be with `dryRun` */
export async function collect(store: Store, lists: Lists, options: CollectOptions): Promise<Collected[]> {
  const removed: Collected[] = []
  for (const app of options.app === undefined ? await lists.apps() : [options.app]) {
    for (const target of options.target === undefined ? await lists.targets(app) : [options.target]) {
      for (const artifact of await lists.files(app, target)) {
        removed.push(...(await collectArtifact(store, lists, { app, target, artifact }, options)))
      }
    }
  }
  return removed
}

async function collectArtifact(
  store: Store,
  lists: Lists,
  ref: Required<ArtifactRef> & { readonly target: string; readonly artifact: string },
  { keep, dryRun, now }: CollectOptions,
): Promise<Collected[]> {
  const prefix = artifactPrefix(ref)
  const removed: Collected[] = []
  for (const { version, size } of surplus(await lists.versions(ref), keep, await liveVersions(store, ref))) {
    if (dryRun !== true) {
      // A host may have gone back to it since.
      if ((await liveVersions(store, ref)).has(version)) continue
      await store.remove(prefix + version)
    }
    removed.push({ ...ref, version, size })
  }
  if (dryRun !== true) await store.sweep(prefix, new Date(now.getTime() - GIVEN_UP * 3_600_000))
  return removed
}

/** Those that may go: beyond the newest `keep`, not the latest, not live. Pure. */
export function surplus(versions: readonly Version[], keep: number, live: ReadonlySet<string>): Version[] {
  return versions
    .slice(0, Math.max(0, versions.length - keep))
    .filter(({ version, latest }) => !latest && !live.has(version))
}

/**
 * The versions that hosts report live, and those that they go to.
 * @throws PypaasError `failed` for a report that cannot be read: then nothing may go
 */
async function liveVersions(
  store: Store,
  { app, target }: { readonly app: string; readonly target: string },
): Promise<Set<string>> {
  const live = new Set<string>()
  const { entries } = await store.children(`.fleet/${fileName(app)}/${fileName(target)}/`)
  for (const { key } of entries.filter((entry) => entry.key.endsWith('.json'))) {
    const report = parse((await readDocument(store, key))?.text ?? '{}')
    if (report === undefined) {
      throw new PypaasError('failed', `${store.shown}/${key}, the report of a host, cannot be read`, {
        hint: 'if that host is gone for good, remove this report; until then no version is removed',
      })
    }
    for (const version of [report['version'], report['to']])
      if (typeof version === 'string') live.add(version)
  }
  return live
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
