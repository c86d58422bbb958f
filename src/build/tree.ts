/**
 * A directory tree that is kept once and linked into many places. Files are hard links and read-only, so
 * that a program that writes into one in place is refused instead of changing it for all. What a program
 * adds or replaces is its own. The manifest tells a damaged tree from a whole one.
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  utimesSync,
  type Stats,
} from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { hasErrno, PypaasError } from '../errors.ts'
import { temporaryBeside } from '../system/files.ts'

/** Paths are relative to the tree's root; a directory comes before what is in it. */
export interface Manifest {
  readonly directories: readonly (readonly [path: string, mode: number])[]
  readonly files: readonly ManifestFile[]
  readonly links: readonly (readonly [path: string, target: string])[]
}

/** Size in bytes, time of change in milliseconds, mode as the installer set it. */
type ManifestFile = readonly [path: string, size: number, mtimeMs: number, mode: number]

export type Placing = 'linked' | 'copied'

const WRITE_BITS = 0o222
/** How many files are handled, without a promise for each, before others in this process get their turn. */
const BATCH = 256

/**
 * Keeps the tree `from` as `to`, which must not exist. Both share their files afterwards, and these are read-only.
 * @throws a system error, also for what is neither file, directory nor symbolic link (ENOTSUP)
 */
export async function keep(from: string, to: string, signal: AbortSignal): Promise<Manifest> {
  const found = survey(from)
  mkdirSync(to)
  for (const [path] of found.directories) mkdirSync(join(to, path))
  for (const [path, target] of found.links) symlinkSync(target, join(to, path))
  const files: ManifestFile[] = []
  await inBatches(found.files, signal, ([path, , , mode]) => {
    const source = join(from, path)
    const kept = join(to, path)
    // A file that has another name already may be part of somebody's store of downloads: not ours to protect.
    if (isToolsOwn(path) || lstatSync(source).nlink > 1) {
      copyWithTime(source, kept, mode & ~WRITE_BITS)
    } else {
      linkOrCopy(source, kept, mode & ~WRITE_BITS)
      chmodSync(kept, mode & ~WRITE_BITS)
    }
    const { size, mtimeMs } = lstatSync(kept)
    files.push([path, size, mtimeMs, mode])
  })
  return { ...found, files }
}

/**
 * Puts the kept tree `from` at `to`, which must not exist.
 * @returns false if the kept tree is not what its manifest says; `to` is incomplete then
 */
export async function place(
  manifest: Manifest,
  from: string,
  to: string,
  placing: Placing,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    mkdirSync(to)
    for (const [path, mode] of manifest.directories) mkdirSync(join(to, path), mode)
    for (const [path, target] of manifest.links) symlinkSync(target, join(to, path))
    await inBatches(manifest.files, signal, ([path, size, mtimeMs, mode]) => {
      const source = join(from, path)
      const placed = join(to, path)
      if (placing === 'copied' || isToolsOwn(path)) copyWithTime(source, placed, mode)
      else linkOrCopy(source, placed, mode & ~WRITE_BITS)
      const stat = lstatSync(source)
      if (stat.size !== size || stat.mtimeMs !== mtimeMs) throw new DamagedTree(path)
    })
    return true
  } catch (error) {
    if (error instanceof DamagedTree || hasErrno(error, 'ENOENT')) return false
    throw error
  }
}

/** Gives a placed tree files of its own, writable ones, in the place of the shared ones. */
export async function separate(tree: string, signal: AbortSignal): Promise<void> {
  await inBatches(survey(tree).files, signal, ([path, , , mode]) => {
    const file = join(tree, path)
    if (lstatSync(file).nlink === 1) {
      chmodSync(file, mode | 0o200)
      return
    }
    const copy = temporaryBeside(file)
    copyWithTime(file, copy, mode | 0o200)
    renameSync(copy, file)
  })
}

/** What is in a tree. */
export function survey(root: string): Manifest {
  const directories: [string, number][] = []
  const files: ManifestFile[] = []
  const links: [string, string][] = []
  const walk = (relative: string): void => {
    for (const entry of readdirSync(join(root, relative), { withFileTypes: true })) {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`
      if (entry.isSymbolicLink()) {
        links.push([path, readlinkSync(join(root, path))])
        continue
      }
      const stat: Stats = lstatSync(join(root, path))
      if (entry.isDirectory()) {
        directories.push([path, stat.mode & 0o777])
        walk(path)
      } else if (entry.isFile()) {
        files.push([path, stat.size, stat.mtimeMs, stat.mode & 0o777])
      } else {
        throw Object.assign(new Error(`${join(root, path)} is no file`), { code: 'ENOTSUP' })
      }
    }
  }
  walk('')
  return { directories, files, links }
}

class DamagedTree extends Error {}

/**
 * What is no package belongs to tools that write over it in place: the notes of npm and yarn on what they
 * installed (`.package-lock.json`, `.yarn-integrity`), and what install scripts generated (`.prisma`).
 */
function isToolsOwn(path: string): boolean {
  return path.startsWith('.')
}

function linkOrCopy(from: string, to: string, mode: number): void {
  try {
    linkSync(from, to)
  } catch (error) {
    // Another file system, a file with as many names as it can have, or a file system without hard links.
    if (!hasErrno(error, 'EXDEV', 'EMLINK', 'EPERM')) throw error
    copyWithTime(from, to, mode)
  }
}

function copyWithTime(from: string, to: string, mode: number): void {
  copyFileSync(from, to, constants.COPYFILE_FICLONE)
  const { atime, mtime } = lstatSync(from)
  utimesSync(to, atime, mtime)
  chmodSync(to, mode)
}

async function inBatches<T>(
  items: readonly T[],
  signal: AbortSignal,
  each: (item: T) => void,
): Promise<void> {
  for (let start = 0; start < items.length; start += BATCH) {
    if (signal.aborted) throw new PypaasError('cancelled', 'cancelled while linking dependencies')
    for (const item of items.slice(start, start + BATCH)) each(item)
    await setImmediate()
  }
}
