/** A directory that is there whole or not at all, also after a power cut. */
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Context } from '../context.ts'
import { syncDirectory, temporaryBeside } from '../system/files.ts'
import { capture } from '../system/run.ts'

/**
 * @param make fills the directory that it is given, which is not there yet
 */
export async function putInPlace(
  { baseEnv }: Context,
  path: string,
  make: (directory: string) => Promise<void>,
): Promise<void> {
  const temporary = temporaryBeside(path)
  try {
    await make(temporary)
    // All of its files at once (sync(1), syncfs(2)), rather than one after the other.
    await capture(['sync', '-f', temporary], { env: baseEnv })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
  await syncDirectory(dirname(path))
}
