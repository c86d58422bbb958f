/** How much of the disk what takes: allocated blocks, each file once, however many links it has. */
import { lstatSync, readdirSync, type Dirent } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { hasErrno } from '../errors.ts'
import type { BranchRef } from '../paths.ts'
import { listBranches, listDirectory } from '../system/state.ts'

/** Bytes of a block of `st_blocks` (stat(2)). */
const BLOCK = 512

/** Counts trees; a file that several of them link to counts for the first only. */
export class DiskMeter {
  readonly #seen = new Set<string>()

  /** Bytes of a tree, without what was counted before; 0 if it is not there. */
  async measure(path: string): Promise<number> {
    let total = 0
    const directories = [path]
    for (let at = directories.pop(); at !== undefined; at = directories.pop()) {
      total += this.#count(at)
      for (const entry of entriesOf(at)) {
        const child = join(at, entry.name)
        if (entry.isDirectory()) directories.push(child)
        else total += this.#count(child)
      }
      await breathe()
    }
    return total
  }

  #count(path: string): number {
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return 0
    if (stats.nlink > 1 && !stats.isDirectory()) {
      const id = `${stats.dev}:${stats.ino}`
      if (this.#seen.has(id)) return 0
      this.#seen.add(id)
    }
    return stats.blocks * BLOCK
  }
}

/** Bytes of each checkout of a branch beyond what the dependency cache and newer checkouts hold as well. */
export async function releaseSizes(ctx: Context, ref: BranchRef): Promise<Map<string, number>> {
  const meter = new DiskMeter()
  await meter.measure(ctx.paths.trees)
  const sizes = new Map<string, number>()
  for (const name of (await listDirectory(ctx.paths.checkoutsOf(ref))).toReversed()) {
    sizes.set(name, await meter.measure(ctx.paths.checkout(ref, name)))
  }
  return sizes
}

/** A part of what pypaas keeps. */
export interface DiskPart {
  readonly what: 'repository' | 'checkouts' | 'logs' | 'dependencies' | 'downloads' | 'journal' | 'apps'
  /** A repo, a branch, or nothing in particular. */
  readonly of: string
  readonly bytes: number
}

/** All that pypaas keeps. Dependencies that checkouts share count as dependencies. */
export async function measureHome(ctx: Context): Promise<DiskPart[]> {
  const { paths } = ctx
  const meter = new DiskMeter()
  const parts: DiskPart[] = [
    {
      what: 'dependencies',
      of: '',
      bytes: (await meter.measure(paths.trees)) + (await meter.measure(paths.venvs)),
    },
    {
      what: 'downloads',
      of: '',
      bytes:
        (await meter.measure(paths.allDownloads)) +
        (await meter.measure(paths.pullCache)) +
        (await meter.measure(paths.artifactCache)),
    },
    { what: 'apps', of: '', bytes: await meter.measure(paths.apps) },
    { what: 'logs', of: 'pypaas and nginx', bytes: await meter.measure(paths.logs) },
  ]
  for (const repo of await listDirectory(paths.repos)) {
    parts.push({ what: 'repository', of: repo, bytes: await meter.measure(join(paths.repos, repo)) })
  }
  for (const ref of await listBranches(paths)) {
    const of = `${ref.repo} ${ref.branch}`
    parts.push(
      { what: 'checkouts', of, bytes: await meter.measure(paths.checkoutsOf(ref)) },
      { what: 'logs', of, bytes: await meter.measure(paths.servicesRealOf(ref)) },
      { what: 'journal', of, bytes: await meter.measure(paths.stateOf(ref)) },
    )
  }
  return parts
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}
