/** Trees of dependencies by key: taken in after an install, linked into the next checkout with the same key. */
import { mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasErrno, messageOf } from '../errors.ts'
import { readIfThere, replaceFile, temporaryBeside } from '../system/files.ts'
import type { BuildJob } from './builder.ts'
import { keep, place, type Manifest, type Placing } from './tree.ts'

const MANIFEST = 'manifest.json'
const TREE = 'tree'
/** There if a build has written into its files: checkouts get copies instead of links. */
const COPIES = 'copies'

/**
 * Puts the tree of this key at `destination`, in the place of what is there.
 * @returns how, or undefined if there is no such tree (a damaged one is thrown away) and `destination` is empty
 */
export async function placeTree(
  job: BuildJob,
  key: string,
  destination: string,
): Promise<Placing | undefined> {
  const kept = job.ctx.paths.tree(key)
  const manifest = parseManifest(await readIfThere(join(kept, MANIFEST)))
  if (manifest === undefined) {
    await discardTree(kept)
    return undefined
  }
  // Its time is the last use of the key. Set first, so that it is not pruned while it is linked.
  const now = job.ctx.now()
  await utimes(join(kept, MANIFEST), now, now).catch(() => {})
  const placing: Placing = (await readIfThere(join(kept, COPIES))) === undefined ? 'linked' : 'copied'
  await rm(destination, { recursive: true, force: true })
  if (await place(manifest, join(kept, TREE), destination, placing, job.signal)) return placing
  job.ctx.log.warn({ key }, 'a kept tree of dependencies was damaged; it is made anew')
  await rm(destination, { recursive: true, force: true })
  await discardTree(kept)
  return undefined
}

/**
 * Takes the freshly installed tree at `source` in. The loser of a race for a key leaves the winner's tree alone.
 * Failing to keep a tree is no reason for a deploy to fail.
 * However it goes, files of `source` may be read-only and shared afterwards.
 */
export async function keepTree(job: BuildJob, key: string, source: string): Promise<void> {
  const kept = job.ctx.paths.tree(key)
  await mkdir(job.ctx.paths.trees, { recursive: true, mode: 0o700 })
  const temporary = temporaryBeside(kept)
  try {
    await mkdir(temporary)
    const manifest = await keep(source, join(temporary, TREE), job.signal)
    await replaceFile(join(temporary, MANIFEST), JSON.stringify(manifest))
    await rename(temporary, kept)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    if (!(error instanceof Error && 'code' in error && 'syscall' in error) && !hasErrno(error, 'ENOTSUP'))
      throw error
    if (!hasErrno(error, 'ENOTEMPTY', 'EEXIST')) {
      job.ctx.log.warn({ key, reason: messageOf(error) }, 'dependencies could not be kept for the next build')
    }
  }
}

/** From now on checkouts get copies of this tree. */
export async function wantCopies(job: BuildJob, key: string): Promise<void> {
  try {
    await writeFile(join(job.ctx.paths.tree(key), COPIES), '')
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error
  }
}

/** Removes a kept tree: nobody finds half of it. Checkouts keep their links. */
export async function discardTree(kept: string): Promise<void> {
  const gone = temporaryBeside(kept)
  try {
    await rename(kept, gone)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return
    throw error
  }
  await rm(gone, { recursive: true, force: true })
}

function parseManifest(text: string | undefined): Manifest | undefined {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as Manifest
  } catch {
    // A manifest is written whole or not at all; one that is not JSON was damaged afterwards.
    return undefined
  }
}
