/** Removes what is kept of remotes that nothing has been fetched from for a while. */
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { namesIn } from '../system/files.ts'
import { isOrphan } from '../system/orphans.ts'

/** Milliseconds: 30 days. What is fetched later than that is fetched as a whole. */
const UNUSED = 30 * 86_400_000

/** Only names that pulls give are touched: the directory may have been named by the user. */
export async function prunePullCache(cache: string, now: Date): Promise<void> {
  for (const name of await namesIn(cache)) {
    const path = join(cache, name)
    if (!isOrphan(name) && !(await isUnused(path, name, now))) continue
    await rm(path, { recursive: true, force: true })
  }
}

async function isUnused(path: string, name: string, now: Date): Promise<boolean> {
  if (!/^[0-9a-f]{24}\.(?:git|archive|json)$/.test(name)) return false
  // A fetch that brings something sets the ref.
  const used = await stat(name.endsWith('.git') ? join(path, 'refs', 'heads') : path).catch(() => undefined)
  return used !== undefined && now.getTime() - used.mtimeMs > UNUSED
}
