/** What processes that have gone were writing: a temporary name tells whose it is. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { namesIn, ownerOfTemporary } from './files.ts'
import { isRunning } from './process-table.ts'

/** Whether it is a temporary name whose maker has gone. */
export function isOrphan(name: string): boolean {
  const owner = ownerOfTemporary(name)
  return owner !== undefined && !isRunning(owner)
}

/** Temporary names whose makers have gone; none if there is no such directory. */
export async function orphansIn(directory: string): Promise<string[]> {
  return (await namesIn(directory)).filter(isOrphan)
}

/** Removes what has such names, directories with all that is in them. */
export async function removeOrphans(directory: string): Promise<void> {
  for (const name of await orphansIn(directory)) {
    await rm(join(directory, name), { recursive: true, force: true })
  }
}
