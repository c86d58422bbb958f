/** What must not grow with the number of deploys. */
import { lstat, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { expect } from 'vitest'
import { shapeOf, type Shape } from '../faults/shape.ts'
import { leftovers, type Host } from '../support/host.ts'
import { SOON } from '../support/web.ts'
import { BRANCHES, type SoakDaemon } from './site.ts'

export interface Growth {
  /** Files, processes, locks and ports. */
  readonly shape: Shape
  /** Number of open descriptors by kind, of those that stay: the daemon, nginx, the host's svscan. */
  readonly descriptors: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Number of the daemon's threads. */
  readonly threads: number
  readonly checkouts: { readonly bytes: number; readonly files: number }
  /** Whatever is in the repositories but objects: those of refused pushes are git's to remove. */
  readonly repositories: readonly string[]
}

export async function growthOf(host: Host, { pid: daemon }: SoakDaemon): Promise<Growth> {
  const { home, paths } = host
  const lines = await leftovers(home)
  const pidOf = (pattern: RegExp): number => Number.parseInt(lines.find((line) => pattern.test(line)) ?? '')
  const staying = {
    daemon,
    nginx: Number(await readFile(join(paths.run, 'nginx', 'nginx.pid'), 'utf8')),
    svscan: pidOf(new RegExp(`svscan ${paths.services}$`)),
  }
  const descriptors = Object.entries(staying).map(
    async ([name, pid]) => [name, await descriptorsOf(pid)] as const,
  )
  const checkouts = await sizesBelow(paths.checkouts)
  const repositories = await sizesBelow(paths.repos)
  return {
    shape: await shapeOf(host, ...BRANCHES),
    descriptors: Object.fromEntries(await Promise.all(descriptors)),
    threads: (await readdir(`/proc/${daemon}/task`)).length,
    checkouts: {
      bytes: [...checkouts.values()].reduce((sum, bytes) => sum + bytes, 0),
      files: checkouts.size,
    },
    repositories: [...repositories.keys()]
      .map((path) => relative(paths.repos, path))
      .filter((path) => !/\/objects\/([0-9a-f]{2}\/[0-9a-f]{38}|pack\/pack-.*|info\/.*)$/.test(path))
      .toSorted(),
  }
}

/** What was measured later, with the numbers that have become smaller as they were: a connection may just have ended. */
export function growthSince(before: Growth, now: Growth): Growth {
  const descriptors = Object.entries(now.descriptors).map(
    ([name, kinds]) => [name, larger(kinds, before.descriptors[name] ?? {})] as const,
  )
  return {
    ...now,
    descriptors: Object.fromEntries(descriptors),
    threads: Math.max(now.threads, before.threads),
  }
}

/** Of each number the larger one. */
function larger(
  some: Readonly<Record<string, number>>,
  others: Readonly<Record<string, number>>,
): Record<string, number> {
  const kinds = [...new Set([...Object.keys(some), ...Object.keys(others)])]
  return Object.fromEntries(kinds.map((kind) => [kind, Math.max(some[kind] ?? 0, others[kind] ?? 0)]))
}

export interface Memory {
  /** Bytes that the program still needs: its garbage has been collected. */
  readonly needed: number
  /** Bytes that the process has (proc_pid_status(5)). */
  readonly resident: number
}

export async function memoryOf({ pid, memory }: SoakDaemon): Promise<Memory> {
  await rm(memory, { force: true })
  process.kill(pid, 'SIGUSR2')
  const needed = async (): Promise<number> => Number(await readFile(memory, 'utf8').catch(() => '0'))
  await expect.poll(needed, SOON).toBeGreaterThan(0)
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return { needed: await needed(), resident: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024 }
}

async function descriptorsOf(pid: number): Promise<Record<string, number>> {
  const directory = `/proc/${pid}/fd`
  const kinds: Record<string, number> = {}
  for (const fd of await readdir(directory)) {
    const target = await readlink(join(directory, fd)).catch(() => undefined)
    // The directory that we list is not open in there, but it may have closed one meanwhile.
    if (target === undefined) continue
    const kind = target.replace(/^(socket|pipe|anon_inode):.*/, '$1').replaceAll(/\d+/g, 'N')
    kinds[kind] = (kinds[kind] ?? 0) + 1
  }
  return kinds
}

/** Bytes of every file below a directory. */
async function sizesBelow(directory: string): Promise<Map<string, number>> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => !entry.isDirectory())
  const sizes = files.map(async (entry) => {
    const path = join(entry.parentPath, entry.name)
    return [path, (await lstat(path)).size] as const
  })
  return new Map(await Promise.all(sizes))
}
