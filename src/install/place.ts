/** Puts files and directories of an installation in place: whole, with owner and mode, never through links. */
import { constants } from 'node:fs'
import { chmod, lstat, mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { syncDirectory, temporaryBeside } from '../system/files.ts'
import type { Ids } from './accounts.ts'

export interface Placed {
  readonly path: string
  readonly text: string
  readonly mode: number
  /** Undefined: whoever runs this. */
  readonly owner: Ids | undefined
}

/**
 * Replaces a file as a whole.
 * @param check gets the path of the complete new file before it takes the place
 */
export async function placeFile(file: Placed, check: (path: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(file.path), { recursive: true })
  const temporary = temporaryBeside(file.path)
  try {
    await writeWhole(temporary, file)
    await check(temporary)
    await rename(temporary, file.path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(dirname(file.path))
}

/** As {@link placeFile}, but a directory that is not there appears together with its file. */
export async function placeWithDirectory(
  file: Placed,
  check: (path: string) => Promise<void>,
): Promise<void> {
  const directory = dirname(file.path)
  if ((await lstat(directory).catch(() => undefined)) !== undefined) return placeFile(file, check)
  const temporary = temporaryBeside(directory)
  await mkdir(temporary, { recursive: true })
  try {
    await placeFile({ ...file, path: join(temporary, basename(file.path)) }, check)
    await chmod(temporary, 0o755)
    await rename(temporary, directory)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
  await syncDirectory(dirname(directory))
}

/** Makes a directory, or sets owner and mode of one. The home's user must not lead root elsewhere: no links. */
export async function placeDirectory(path: string, mode: number, owner: Ids | undefined): Promise<void> {
  await mkdir(path, { recursive: true })
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    if (owner !== undefined) await handle.chown(owner.uid, owner.gid)
    await handle.chmod(mode)
  } finally {
    await handle.close()
  }
}

async function writeWhole(path: string, { text, mode, owner }: Placed): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    if (owner !== undefined) await handle.chown(owner.uid, owner.gid)
    await handle.chmod(mode)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
