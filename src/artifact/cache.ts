/** What builds of artifacts keep for the next one. */
import { lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { namesIn } from '../system/files.ts'

/**
 * Removes wheels, downloads and fetched repositories. A build that runs at this moment may fail and can be begun anew;
 * its own files, and the locks, stay.
 * @returns bytes of the files that were removed
 */
export async function cleanCache(ctx: Context): Promise<number> {
  const { artifactCache, artifactWheels, artifactPip } = ctx.paths
  let freed = 0
  for (const directory of [artifactWheels, artifactPip, join(artifactCache, 'repositories')]) {
    for (const name of await namesIn(directory)) {
      // Lock files are never deleted: a deleted one could be held twice.
      if (name.endsWith('.lock')) continue
      const path = join(directory, name)
      freed += await sizeOf(path)
      await rm(path, { recursive: true, force: true })
    }
  }
  return freed
}

async function sizeOf(path: string): Promise<number> {
  const found = await lstat(path)
  if (!found.isDirectory()) return found.size
  let total = 0
  for (const name of await readdir(path)) total += await sizeOf(join(path, name))
  return total
}
