/** The state of branches: what is live, which releases are kept. Read and replaced, never edited. */
import { readdir, readFile, rm } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { hasErrno } from '../errors.ts'
import { nameOfFile } from '../names.ts'
import type { BranchRef, Paths, ReleaseRef } from '../paths.ts'
import type { Release } from '../release.ts'
import { readIfThere, readLinkIfThere, replaceFile, replaceLink } from './files.ts'

/** Name of the live release. Undefined: never deployed, or deployed by pyPaaS only. */
export async function liveReleaseName(paths: Paths, ref: BranchRef): Promise<string | undefined> {
  const target = await readLinkIfThere(paths.currentCheckout(ref))
  return target === undefined ? undefined : basename(target)
}

/** The live release with its snapshot. */
export async function liveRelease(paths: Paths, ref: BranchRef): Promise<Release | undefined> {
  const name = await liveReleaseName(paths, ref)
  return name === undefined ? undefined : readRelease(paths, { ...ref, release: name })
}

/** SWITCH: the single rename that makes a release the live one. */
export async function setLive(paths: Paths, ref: ReleaseRef): Promise<void> {
  const link = paths.currentCheckout(ref)
  await replaceLink(link, relative(dirname(link), paths.releaseLink(ref)))
}

/** Nothing of the branch is live any more. */
export async function clearLive(paths: Paths, ref: BranchRef): Promise<void> {
  await rm(paths.currentCheckout(ref), { force: true })
}

/** Puts a release beside the live one; nothing is live by this alone. Its environment may hold secrets: 0600. */
export async function writeRelease(paths: Paths, release: Release): Promise<void> {
  const link = paths.releaseLink(release)
  await replaceLink(link, relative(dirname(link), paths.checkout(release, release.checkout)))
  await replaceFile(paths.releaseFile(release), `${JSON.stringify(release, null, 2)}\n`, 0o600)
}

export async function readRelease(paths: Paths, ref: ReleaseRef): Promise<Release | undefined> {
  const text = await readIfThere(paths.releaseFile(ref))
  return text === undefined ? undefined : (JSON.parse(text) as Release)
}

export async function removeRelease(paths: Paths, ref: ReleaseRef): Promise<void> {
  // The file, by which a release is known, goes last: a removal that is cut short is done again.
  await rm(paths.releaseLink(ref), { force: true })
  await rm(paths.releaseFile(ref), { force: true })
}

/** Kept releases of a branch, oldest first. */
export async function listReleases(paths: Paths, ref: BranchRef): Promise<Release[]> {
  const files = (await listDirectory(paths.releases(ref))).filter((file) => file.endsWith('.json'))
  return Promise.all(
    files.map(async (file) => JSON.parse(await readFile(join(paths.releases(ref), file), 'utf8')) as Release),
  )
}

/** Every branch that has state on disk, configured or not. */
export async function listBranches(paths: Paths): Promise<BranchRef[]> {
  const refs: BranchRef[] = []
  for (const repoFile of await listDirectory(paths.state)) {
    const repo = nameOfFile(repoFile)
    if (repo === undefined) continue
    for (const branchFile of await listDirectory(join(paths.state, repoFile))) {
      const branch = nameOfFile(branchFile)
      if (branch !== undefined) refs.push({ repo, branch })
    }
  }
  return refs
}

/** Names in a directory, sorted; none if it is not there. Hidden names are left out. */
export async function listDirectory(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).filter((name) => !name.startsWith('.')).toSorted()
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}
