/** Unpacks an archive, and refuses one that is not safe to unpack. */
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { messageOf, PypaasError, systemFailure } from '../errors.ts'
import { readIfThere, temporaryBeside } from '../system/files.ts'
import { formatOf } from './format.ts'
import { INFO } from './info.ts'
import { DEFAULT_LIMITS, Unpacking, type Limits } from './unpacking.ts'

export type { Limits } from './unpacking.ts'

/**
 * Unpacks `file` (tar, tar.gz, tar.bz2 or zip, by its content) into `directory`, which is made, or is there and
 * empty. The top directory of an artifact is left out, so that `info.json` is in `directory` itself; other archives
 * are unpacked as they are. Files get the archive's times, the owner who unpacks, and no set-id bits. If it fails,
 * `directory` is empty.
 * Refused are: absolute paths and `..`; links that lead out of the tree, also over other links; entries behind a
 * link; names that are there twice; devices, pipes and all else; more bytes or entries than `limits`.
 * @throws PypaasError `failed`, `cancelled`
 */
export async function unpackArchive(
  file: string,
  directory: string,
  limits: Limits = DEFAULT_LIMITS,
  signal?: AbortSignal,
): Promise<void> {
  const format = await formatOf(file)
  await mkdir(directory, { recursive: true })
  if ((await readdir(directory)).length > 0) {
    throw new PypaasError('failed', `cannot unpack ${basename(file)}: the directory is not empty`, {
      where: directory,
    })
  }
  const unpacking = new Unpacking(directory, file, limits)
  try {
    if (format === 'zip') await (await import('./unpack-zip.ts')).readZip(file, unpacking, signal)
    else await (await import('./unpack-tar.ts')).readTar(file, format, unpacking, signal)
    unpacking.finish()
    await leaveOutTop(directory)
  } catch (error) {
    for (const name of await readdir(directory)) {
      await rm(join(directory, name), { recursive: true, force: true })
    }
    throw asFailure(error, file, signal)
  }
}

/** An artifact is packed in a directory of its own, for those who unpack it by hand. */
async function leaveOutTop(directory: string): Promise<void> {
  const [top, ...more] = await readdir(directory)
  if (top === undefined || more.length > 0) return
  for (const name of [INFO, 'PACKAGE', 'VERSION']) {
    if ((await readIfThere(join(directory, top, name)).catch(() => undefined)) === undefined) return
  }
  // It may hold something of its own name.
  const aside = temporaryBeside(join(directory, top))
  await rename(join(directory, top), aside)
  for (const name of await readdir(aside)) await rename(join(aside, name), join(directory, name))
  await rmdir(aside)
}

function asFailure(error: unknown, file: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) {
    return new PypaasError('cancelled', `cancelled: unpacking ${basename(file)}`, { cause: error })
  }
  if (error instanceof PypaasError) return error
  return (
    systemFailure(error) ??
    new PypaasError('failed', `${basename(file)} cannot be unpacked: ${messageOf(error)}`, {
      cause: error,
      where: file,
      hint: 'it is damaged or was cut off: fetch it once more, or make it anew',
    })
  )
}
