/** What a build leaves that differs from build to build, or belongs to this host. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Bytecode of Python, which holds the times of its sources, and what pytest notes for its next run. */
const LEFTOVERS = ['__pycache__', '.pytest_cache']

/** Removes such leftovers, and what tools keep for their next run in `node_modules/.cache`. */
export async function sweepTree(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const path = join(directory, entry.name)
    if (LEFTOVERS.includes(entry.name)) await rm(path, { recursive: true })
    else await sweepTree(path)
    if (entry.name === 'node_modules') await rm(join(path, '.cache'), { recursive: true, force: true })
  }
}
