/** Files that are never half written: a temporary file beside the target, fsync, rename. */
import { mkdir, open, readdir, readFile, readlink, realpath, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { hasErrno } from '../errors.ts'

/**
 * A name beside `path` for what is to be renamed to it. Hidden, so that svscan and `*.conf` pass it over. It
 * tells whose it is, so that what a killed process leaves is known for what it is.
 */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(6).toString('hex')}`)
}

/** Pid of the process that has made a name by {@link temporaryBeside}; undefined for other names. */
export function ownerOfTemporary(name: string): number | undefined {
  const pid = /^\..+\.(\d+)\.[0-9a-f]{12}$/.exec(name)?.[1]
  return pid === undefined ? undefined : Number(pid)
}

/**
 * Replaces `path` as a whole and durably; makes its directory. `mode` is for a new file and an old one alike.
 * Our own, because the libraries for it write once and do not look at how much was written (a full disk).
 */
export async function replaceFile(path: string, content: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  // Somebody may have put a link there, to keep the file elsewhere.
  const target = await realpath(path).catch(() => path)
  const temporary = temporaryBeside(target)
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(content)
      await file.chmod(mode)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(dirname(target))
}

/** Points the symbolic link `path` at `target`, atomically and durably; replaces a file that was there too. */
export async function replaceLink(path: string, target: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = temporaryBeside(path)
  await symlink(target, temporary)
  try {
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(dirname(path))
}

/** Makes renames in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** The file's text, or undefined if there is none. Other errors are thrown. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

/** A symbolic link's target, or undefined if `path` is not a link. */
export async function readLinkIfThere(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EINVAL')) return undefined
    throw error
  }
}

/** Names in a directory, hidden ones too, in no order; none if there is no such directory. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}
