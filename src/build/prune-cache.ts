/** Removes dependencies that no build has used for a while. */
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Context } from '../context.ts'
import { hasErrno, PypaasError } from '../errors.ts'
import { nameOfFile } from '../names.ts'
import { namesIn, readLinkIfThere } from '../system/files.ts'
import { withLock } from '../system/lock.ts'
import { discardTree } from './reuse.ts'
import { completeMark, removeVenv } from './venv.ts'

const DAY = 86_400_000

/**
 * Removes dependency trees and virtual environments whose last use is `days` ago, and what interrupted
 * builds left. A virtual environment that a checkout points at stays, however old it is; checkouts keep
 * their files of a removed tree.
 * @returns the keys that were removed
 */
export async function pruneCache(ctx: Context, days = 30): Promise<string[]> {
  const before = ctx.now().getTime() - days * DAY
  return [...(await pruneTrees(ctx, before)), ...(await pruneVenvs(ctx, before))]
}

async function pruneTrees(ctx: Context, before: number): Promise<string[]> {
  const removed: string[] = []
  for (const file of await namesIn(ctx.paths.trees)) {
    const path = join(ctx.paths.trees, file)
    const used = (await modified(join(path, 'manifest.json'))) ?? (await modified(path))
    // A hidden one is a build's that still runs, or was interrupted: after a day it is the latter.
    const limit = file.startsWith('.') ? ctx.now().getTime() - DAY : before
    if (used === undefined || used >= limit) continue
    await discardTree(path)
    if (!file.startsWith('.')) removed.push(nameOfFile(file) ?? file)
  }
  return removed
}

async function pruneVenvs(ctx: Context, before: number): Promise<string[]> {
  const removed: string[] = []
  const old: string[] = []
  const isOld = async (path: string): Promise<boolean> => {
    const used = (await modified(completeMark(path))) ?? (await modified(path))
    return used !== undefined && used < before
  }
  for (const file of await namesIn(ctx.paths.venvs)) {
    if (
      !/\.(lock|complete)$/.test(file) &&
      !file.startsWith('.') &&
      (await isOld(join(ctx.paths.venvs, file)))
    )
      old.push(file)
  }
  if (old.length === 0) return []
  for (const file of old) {
    const key = nameOfFile(file)
    if (key === undefined) continue
    const path = ctx.paths.venv(key)
    const options = { what: 'the removal of unused virtual environments', now: ctx.now(), wait: 0 }
    try {
      // A build links a checkout to it while it holds this lock, so nobody gets it after the look.
      await withLock(ctx.paths.venvLock(key), options, async () => {
        if (!(await isOld(path)) || (await linkedVenvs(ctx)).has(file)) return
        await removeVenv(path)
        removed.push(key)
      })
    } catch (error) {
      if (!(error instanceof PypaasError && error.code === 'busy')) throw error
    }
  }
  return removed
}

/** File names of the virtual environments that checkouts point at. */
async function linkedVenvs(ctx: Context): Promise<Set<string>> {
  const linked = new Set<string>()
  const { checkouts } = ctx.paths
  for (const repo of await namesIn(checkouts)) {
    for (const branch of await namesIn(join(checkouts, repo))) {
      for (const checkout of await namesIn(join(checkouts, repo, branch))) {
        const target = await readLinkIfThere(join(checkouts, repo, branch, checkout, 'venv'))
        if (target !== undefined) linked.add(basename(target))
      }
    }
  }
  return linked
}

async function modified(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}
