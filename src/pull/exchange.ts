/**
 * The trees of a pull: `LOCAL/current` is a symbolic link to one of them, and is swung by one rename, so that who
 * watches it sees the former tree or the new one. What is known of a tree is written before it can be current.
 */
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { hasErrno } from '../errors.ts'
import {
  namesIn,
  readIfThere,
  readLinkIfThere,
  replaceFile,
  replaceLink,
  temporaryBeside,
} from '../system/files.ts'
import { orphansIn, removeOrphans } from '../system/orphans.ts'
import type { Version } from './look.ts'

/** What is known of a tree. */
export interface TreeRecord {
  /** The remote that it came from, as {@link identityOf} names it. */
  readonly remote: string
  readonly version: Version
  /** The version for people, and for the fleet. */
  readonly name: string
  /** Name of the tree that was current before it. */
  readonly previous?: string
  /** Its post hooks have ended well. False: whoever comes next runs them. */
  readonly settled: boolean
}

export interface Tree {
  readonly name: string
  readonly path: string
  /** Undefined: it was put there by somebody else. */
  readonly record: TreeRecord | undefined
}

/** The directories of a pull below `local`. */
export function placesOf(local: string) {
  const own = join(local, '.pull')
  const trees = join(own, 'trees')
  const records = join(own, 'records')
  return {
    current: join(local, 'current'),
    lock: join(own, 'lock'),
    trees,
    records,
    tree: (name: string) => join(trees, name),
    record: (name: string) => join(records, `${name}.json`),
  }
}

export type Places = ReturnType<typeof placesOf>

export async function currentTree(places: Places): Promise<Tree | undefined> {
  const target = await readLinkIfThere(places.current)
  if (target === undefined) return undefined
  return treeNamed(places, basename(target))
}

export async function treeNamed(places: Places, name: string): Promise<Tree | undefined> {
  const path = places.tree(name)
  if ((await stat(path).catch(() => undefined)) === undefined) return undefined
  const text = await readIfThere(places.record(name))
  return { name, path, record: text === undefined ? undefined : (JSON.parse(text) as TreeRecord) }
}

export async function writeTreeRecord(places: Places, name: string, record: TreeRecord): Promise<void> {
  await replaceFile(places.record(name), `${JSON.stringify(record, null, 2)}\n`, 0o600)
}

/** Makes a tree the current one; undefined: there is none any more. */
export async function exchange(places: Places, name: string | undefined): Promise<void> {
  if (name === undefined) return rm(places.current, { force: true })
  await replaceLink(places.current, join('.pull', 'trees', name))
}

/**
 * repo-deploy's `current` was a directory: it becomes the first tree. For the moment between two renames nothing is
 * current; this happens once.
 */
export async function takeOver(places: Places, name: string): Promise<boolean> {
  const there = await stat(places.current).catch(() => undefined)
  if (there?.isDirectory() !== true || (await readLinkIfThere(places.current)) !== undefined) return false
  await mkdir(places.trees, { recursive: true })
  await rename(places.current, places.tree(name))
  await exchange(places, name)
  return true
}

/** `YYYYmmdd_HHMMSS-<what>`, and `.2`, `.3` behind it if that is there already. */
export async function nameTree(places: Places, now: Date, what: string): Promise<string> {
  const [date = '', time = ''] = now.toISOString().split(/[T.]/)
  const name = `${date.replaceAll('-', '')}_${time.replaceAll(':', '')}-${what.replaceAll(/[^A-Za-z0-9._+~-]/g, '_')}`
  const taken = new Set(await namesIn(places.trees))
  for (let count = 1; ; count++) {
    const candidate = count === 1 ? name : `${name}.${count}`
    if (!taken.has(candidate)) return candidate
  }
}

/** Removes what a pull that was killed has left half written. The caller holds the lock. */
export async function sweepPlaces({ current, records, trees }: Places): Promise<void> {
  const local = dirname(current)
  // The directory is the user's: only what is to become `current` is ours.
  const links = (await orphansIn(local)).filter((name) => name.startsWith(`.${basename(current)}.`))
  for (const name of links) await rm(join(local, name), { force: true })
  await removeOrphans(trees)
  const kept = new Set((await namesIn(trees)).map((name) => `${name}.json`))
  for (const name of await namesIn(records)) {
    if (!kept.has(name)) await rm(join(records, name), { force: true })
  }
}

/** Removes all trees but these. The caller holds the lock. */
export async function pruneTrees(places: Places, keep: readonly (string | undefined)[]): Promise<void> {
  for (const name of await namesIn(places.trees)) {
    if (!keep.includes(name)) await removeTree(places, name)
  }
}

export async function removeTree(places: Places, name: string): Promise<void> {
  // Aside first: removing takes time, and half a tree is not to be found under its name.
  const aside = temporaryBeside(places.tree(name))
  try {
    await rename(places.tree(name), aside)
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error
  }
  await rm(aside, { recursive: true, force: true })
  await rm(places.record(name), { force: true })
}
