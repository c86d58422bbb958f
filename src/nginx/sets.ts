/**
 * Sets of nginx's files on disk. A set is a directory that is never changed once it is written; `nginx.d`
 * is a symbolic link to the one in force. pyPaaS had a real directory there, which is moved aside.
 */
import { linkSync, readFileSync, unlinkSync } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { hasErrno } from '../errors.ts'
import type { Paths } from '../paths.ts'
import { readLinkIfThere, replaceLink, syncDirectory } from '../system/files.ts'
import { listDirectory } from '../system/state.ts'

export interface StoredSet {
  readonly name: string
  /** Texts by file name. */
  readonly files: ReadonlyMap<string, string>
}

/** Beside the sets: links that say which set nginx has loaded, and which was in force before a test in place. */
const LOADED = 'loaded'
const FORMER = 'former'
const NONE = 'none'

export function setDirectory(paths: Paths, name: string): string {
  return join(paths.nginxSets, name)
}

/** Name of the set in force. */
export async function setInForce(paths: Paths): Promise<string | undefined> {
  const target = await readLinkIfThere(paths.nginxFiles)
  return target === undefined ? undefined : basename(target)
}

export async function readSet(paths: Paths, name: string): Promise<StoredSet> {
  const directory = setDirectory(paths, name)
  const names = (await listDirectory(directory)).filter((file) => file.endsWith('.conf'))
  // Hundreds of small files: waiting for a thread for each would take five times as long.
  return { name, files: new Map(names.map((file) => [file, readFileSync(join(directory, file), 'utf8')])) }
}

/** Writes a new set, durably. Files that are the same as in `like` are linked. Returns its name. */
export async function writeSet(
  paths: Paths,
  files: ReadonlyMap<string, string>,
  like: StoredSet | undefined,
): Promise<string> {
  await mkdir(paths.nginxSets, { recursive: true, mode: 0o700 })
  const numbers = (await readdir(paths.nginxSets)).map(Number).filter(Number.isInteger)
  const name = String(Math.max(0, ...numbers) + 1)
  const directory = setDirectory(paths, name)
  await mkdir(directory, { mode: 0o700 })
  const changed = [...files].filter(([file, text]) => {
    if (like?.files.get(file) !== text) return true
    linkSync(join(setDirectory(paths, like.name), file), join(directory, file))
    return false
  })
  await Promise.all(changed.map(([file, text]) => writeDurably(join(directory, file), text)))
  await syncDirectory(directory)
  return name
}

/** Puts a set in force: one rename. nginx knows it after its next reload. */
export async function swing(paths: Paths, name: string): Promise<void> {
  await moveDirectoryAside(paths)
  await replaceLink(paths.nginxFiles, relative(dirname(paths.nginxFiles), setDirectory(paths, name)))
}

/**
 * What is in force now, to be put back by {@link putBack}: a set, a directory of pyPaaS (which this moves
 * aside), or nothing.
 */
export async function formerOf(paths: Paths): Promise<string> {
  return (await setInForce(paths)) ?? (await moveDirectoryAside(paths)) ?? NONE
}

export async function putBack(paths: Paths, former: string): Promise<void> {
  if (/^\d+$/.test(former)) return swing(paths, former)
  if ((await setInForce(paths)) !== undefined) await rm(paths.nginxFiles)
  if (former !== NONE) await rename(join(paths.home, former), paths.nginxFiles).catch(ignoreMissing)
}

/** Puts a set in force while `work` runs; if this is cut short, {@link recoverForce} puts back what was there. */
export async function inForceDuring<T>(paths: Paths, name: string, work: () => Promise<T>): Promise<T> {
  await replaceLink(join(paths.nginxSets, FORMER), await formerOf(paths))
  try {
    await swing(paths, name)
    return await work()
  } finally {
    await recoverForce(paths)
  }
}

/** Ends what a cut short {@link inForceDuring} left; else does nothing. */
export async function recoverForce(paths: Paths): Promise<void> {
  const former = await readLinkIfThere(join(paths.nginxSets, FORMER))
  if (former === undefined) return
  await putBack(paths, former)
  await rm(join(paths.nginxSets, FORMER), { force: true })
}

/** Name of the set that nginx has loaded, as far as is known. */
export function loadedSet(paths: Paths): Promise<string | undefined> {
  return readLinkIfThere(join(paths.nginxSets, LOADED))
}

export async function noteLoaded(paths: Paths, name: string): Promise<void> {
  await replaceLink(join(paths.nginxSets, LOADED), name)
}

/** Removes all sets but one. */
export async function keepOnly(paths: Paths, name: string | undefined): Promise<void> {
  const others = (await listDirectory(paths.nginxSets)).filter((set) => /^\d+$/.test(set) && set !== name)
  await Promise.all(others.map((set) => removeSet(paths, set)))
}

export async function removeSet(paths: Paths, name: string): Promise<void> {
  const directory = setDirectory(paths, name)
  for (const file of await readdir(directory).catch(() => [])) unlinkSync(join(directory, file))
  await rm(directory, { recursive: true, force: true })
}

/** Moves a real `nginx.d` aside. Returns its new name below the home, or undefined if there was none. */
async function moveDirectoryAside(paths: Paths): Promise<string | undefined> {
  const there = await lstat(paths.nginxFiles).catch(ignoreMissing)
  if (there?.isDirectory() !== true) return undefined
  const backup = `${basename(paths.nginxFiles)}.pypaas-backup`
  const taken = new Set(await readdir(paths.home))
  let name = backup
  for (let count = 2; taken.has(name); count++) name = `${backup}-${count}`
  await rename(paths.nginxFiles, join(paths.home, name))
  return name
}

/** nginx reads its files as the user who may: they can hold an operator's secrets. */
async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

function ignoreMissing(error: unknown): undefined {
  if (hasErrno(error, 'ENOENT')) return undefined
  throw error
}
