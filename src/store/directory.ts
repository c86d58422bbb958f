/**
 * A store in a directory, which hosts may share over the network. What becomes visible does so by a rename; who
 * compares before it writes holds a kernel lock of the key's directory, which file systems share as well.
 */
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { hasErrno, PypaasError } from '../errors.ts'
import {
  namesIn,
  ownerOfTemporary,
  readIfThere,
  replaceFile,
  syncDirectory,
  temporaryBeside,
} from '../system/files.ts'
import { withLock } from '../system/lock.ts'
import { copyInto } from './copy.ts'
import { etagOf } from './etag.ts'
import { checkKey } from './key.ts'
import type { Store, StoreEntry, StoreHead, WriteOptions } from './store.ts'

const LOCK = '.lock'
const META = '.meta'
/** Seconds to wait for another writer, who holds the lock for a comparison and a rename. */
const WAIT = 60

/** @throws PypaasError `config` if there is no such directory: a share that is not mounted must not be filled */
export async function directoryStore(root: string): Promise<Store> {
  const isThere = await stat(root).then(
    (file) => file.isDirectory(),
    () => false,
  )
  if (!isThere) {
    throw new PypaasError('config', `there is no directory ${root} for artifacts`, {
      hint: 'make it, or mount the share that it is on',
    })
  }
  const pathOf = (key: string): string => join(root, checkKey(key))

  const head = async (key: string): Promise<StoreHead | undefined> => {
    const path = pathOf(key)
    try {
      // The metadata is there before the content, and is removed after it.
      const file = await stat(path, { bigint: true })
      if (!file.isFile()) return undefined
      const meta = parseMeta(await readIfThere(path + META))
      const etag = await etagOf(path, file)
      return { key, size: Number(file.size), modified: file.mtime, etag, meta }
    } catch (error) {
      if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
      throw error
    }
  }

  const holds = async (key: string, { ifMatch, ifNoneMatch }: WriteOptions): Promise<boolean> => {
    if (ifMatch === undefined && ifNoneMatch === undefined) return true
    const present = await head(key)
    return ifNoneMatch === undefined ? present?.etag === ifMatch : present === undefined
  }

  /** Runs `work` if the condition holds, with all other writers of the directory shut out. */
  const exclusively = async <T>(
    key: string,
    options: WriteOptions,
    work: (path: string) => Promise<T>,
  ): Promise<T | undefined> => {
    const path = pathOf(key)
    await mkdir(dirname(path), { recursive: true })
    const waiting = { what: `writing ${key}`, now: new Date(), wait: WAIT, signal: options.signal }
    return withLock(join(dirname(path), LOCK), waiting, async () =>
      (await holds(key, options)) ? work(path) : undefined,
    )
  }

  return {
    shown: root,
    now: () => new Date(),
    head,
    async read(key, { from = 0, ifMatch, signal } = {}) {
      const found = await head(key)
      if (found === undefined) return undefined
      if (ifMatch !== undefined && found.etag !== ifMatch) {
        throw new PypaasError('failed', `${root}/${key} has been replaced while it was read`, {
          hint: 'try again',
        })
      }
      // One that is removed while it is read is read to its end: it is open.
      const file = await open(pathOf(key), 'r')
      const range = { start: from, ...(signal === undefined ? {} : { signal }) }
      return { ...found, body: createReadStream('', { ...range, fd: file }) }
    },
    write: (key, body, options = {}) =>
      exclusively(key, options, async (path) => {
        await writeMeta(path, options)
        await replaceFile(path, body)
        return etagOf(path, await stat(path, { bigint: true }))
      }),
    async upload(key, file, options = {}) {
      const path = pathOf(key)
      await mkdir(dirname(path), { recursive: true })
      if (!(await holds(key, options))) return undefined
      const temporary = temporaryBeside(path)
      try {
        await copyInto(temporary, file, options)
        // Others wait for the comparison and two renames only.
        return await exclusively(key, options, async () => {
          await writeMeta(path, options)
          await rename(temporary, path)
          await syncDirectory(dirname(path))
          return etagOf(path, await stat(path, { bigint: true }))
        })
      } finally {
        await rm(temporary, { force: true })
      }
    },
    async list(prefix) {
      checkKey(`${prefix}x`)
      const below = prefix.slice(0, prefix.lastIndexOf('/') + 1)
      const all: StoreEntry[] = []
      await walk(root, below, (entry) => {
        if (entry.key.startsWith(prefix)) all.push(entry)
      })
      return all.toSorted(byKey)
    },
    async children(prefix) {
      checkKey(`${prefix}x`)
      const entries: StoreEntry[] = []
      const directories = await walk(root, prefix, (entry) => entries.push(entry), false)
      return { directories: directories.toSorted(), entries: entries.toSorted(byKey) }
    },
    async remove(key, options = {}) {
      if ((await head(key)) === undefined) return options.ifMatch === undefined
      const removed = await exclusively(key, options, async (path) => {
        await rm(path, { force: true })
        await rm(path + META, { force: true })
        await syncDirectory(dirname(path))
        return true
      })
      return removed ?? false
    },
    async sweep(prefix, before) {
      checkKey(`${prefix}x`)
      const directory = join(root, prefix)
      for (const name of await namesIn(directory)) {
        if (ownerOfTemporary(name) === undefined) continue
        const file = await stat(join(directory, name)).catch(() => undefined)
        if (file !== undefined && file.mtime < before) await rm(join(directory, name), { force: true })
      }
    },
  }
}

function byKey(a: StoreEntry, b: StoreEntry): number {
  return a.key < b.key ? -1 : 1
}

async function writeMeta(path: string, { meta }: WriteOptions): Promise<void> {
  if (meta === undefined) await rm(path + META, { force: true })
  else await replaceFile(path + META, `${JSON.stringify(meta, null, 2)}\n`)
}

/** Empty for a file that somebody else has put there, or spoilt. */
function parseMeta(text: string | undefined): Readonly<Record<string, string>> {
  try {
    const value = JSON.parse(text ?? '{}') as unknown
    if (typeof value !== 'object' || value === null) return {}
    return Object.fromEntries(Object.entries(value).map(([name, content]) => [name, String(content)]))
  } catch {
    return {}
  }
}

/** What is below `prefix`, with `deep` in its directories too. @returns the names of the directories in it */
async function walk(
  root: string,
  prefix: string,
  found: (entry: StoreEntry) => void,
  deep = true,
): Promise<string[]> {
  const directories: string[] = []
  for (const name of await namesIn(join(root, prefix))) {
    if (name === LOCK || name.endsWith(META) || ownerOfTemporary(name) !== undefined) continue
    const key = prefix + name
    const file = await stat(join(root, key)).catch(() => undefined)
    if (file?.isDirectory() === true) {
      directories.push(name)
      if (deep) await walk(root, `${key}/`, found)
    } else if (file?.isFile() === true) found({ key, size: file.size, modified: file.mtime })
  }
  return directories
}
