/** Everything of a host that must be the same after each recovery, whichever release is live: files, processes, locks, ports. */
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { execa } from 'execa'
import { expect } from 'vitest'
import type { DeployRecord } from '../../src/deploy/journal.ts'
import { hasErrno } from '../../src/errors.ts'
import { joinNames } from '../../src/names.ts'
import type { BranchRef } from '../../src/paths.ts'
import { readPortFile } from '../../src/port-file.ts'
import { ownerOfTemporary } from '../../src/system/files.ts'
import { listeners } from '../../src/system/listeners.ts'
import { liveRelease } from '../../src/system/state.ts'
import { leftovers, type Host } from '../support/host.ts'
import { SOON } from '../support/web.ts'

export interface Shape {
  /** Paths below the home, with the live releases' names and the set of nginx's files made neutral. */
  readonly files: readonly string[]
  /** Command lines, made neutral in the same way. */
  readonly processes: readonly string[]
  /** Lock files that are held. */
  readonly locks: readonly string[]
  /** Ports that are claimed and those that are listened on; the same ones, and as many as the live releases have. */
  readonly ports: { readonly claimed: number; readonly alike: boolean; readonly ofLive: boolean }
  /** Each branch's ref is its live release's commit. */
  readonly agrees: boolean
  /** What nginx has to say of its files in force, and which of its sets are there. */
  readonly nginx: { readonly test: string; readonly sets: number; readonly inForce: boolean }
  /** Files that should be JSON and are not, or are half written; records of deploys that have not ended, logs without a record. */
  readonly broken: readonly string[]
}

/** What is left out: other people's, what grows, and lock files and queues that come into being with their first use. */
const PASSED_OVER = [
  /^(config|\.ssh|client-key(\.pub)?|logs|run\/nginx|run\/measured|cache(?!.*\/\.))(\/|$)/,
  /^run\/[^/]+\.lock$/,
  /^state\/[^/]+\/[^/]+\/queue$/,
  /^state\/[^/]+\/[^/]+\/deploys\/[^./]+\.(json|log)$/,
  /^services(-real)?\/.*\/(main|starts|hasty|supervise)(\/|$)/,
]

/** The shape of a host at rest: nobody is at work on it, or about to be, and no file of it is being written. */
export async function restingShape(host: Host, ...refs: BranchRef[]): Promise<Shape> {
  const look = async (): Promise<Partial<Shape>> => {
    const shape = await shapeOf(host, ...refs)
    // Neither a note, nor a lock of who is at work on it, nor somebody who is about to be; nor nginx, with a worker of before.
    const atWork = [...shape.files, ...shape.processes].filter((each) =>
      /unfinished\/| settle | is shutting down/.test(each),
    )
    return { ...shape, broken: [...shape.broken, ...atWork] }
  }
  await expect.poll(look, SOON).toMatchObject({
    broken: [],
    ports: { alike: true, ofLive: true },
    nginx: { test: '', sets: 1, inForce: true },
  })
  // The look that found it at rest may have begun before it was, and have seen what went meanwhile.
  return shapeOf(host, ...refs)
}

/** The shape of a host with these branches. */
export async function shapeOf(host: Host, ...refs: BranchRef[]): Promise<Shape> {
  const { home, paths } = host
  const lives = await Promise.all(refs.map((ref) => liveRelease(paths, ref)))
  const names = lives.flatMap((live) =>
    live === undefined
      ? []
      : ([
          [joinNames(live.repo, live.branch, live.release), 'LIVE-SERVICE'],
          [live.release, 'LIVE'],
        ] as const),
  )
  const set = await readlink(paths.nginxFiles).catch(() => '')
  const neutral = (text: string): string =>
    names
      .reduce((changed, [name, word]) => changed.replaceAll(name, word), text)
      .replaceAll(/\d{8}_\d{6}-[0-9a-f]{11}/g, 'KEPT')
      .replace(/nginx\.sets\/\d+/, 'nginx.sets/SET')
  const files = await tree(home, home)
  const claims = (await readPortFile(paths.ports)).claims.map(({ port }) => port)
  const { min, max } = host.ports
  const listening = listeners()
    .map(({ port }) => port)
    .filter((port) => port >= min && port <= max)
  const heads = await Promise.all(refs.map((ref) => headOf(host, ref)))
  return {
    files: files
      .filter((path) => !PASSED_OVER.some((each) => each.test(path)))
      .map(neutral)
      .toSorted(),
    processes: (await processes(host)).map(neutral).toSorted(),
    locks: (await heldLocks(home, files)).map(neutral),
    ports: {
      claimed: claims.length,
      alike: same(claims, listening),
      ofLive: same(
        claims,
        lives.flatMap((live) => live?.runners.flatMap(({ ports }) => ports) ?? []),
      ),
    },
    agrees: heads.every((head, at) => head === lives[at]?.commit),
    nginx: {
      test: (
        await execa(
          'nginx',
          [
            '-t',
            '-q',
            '-p',
            join(home, 'run/nginx'),
            '-e',
            'stderr',
            '-c',
            join(home, 'run/nginx/nginx.conf'),
          ],
          { reject: false },
        )
      ).stderr,
      sets: (await readdir(paths.nginxSets)).filter((name) => /^\d+$/.test(name)).length,
      inForce: set === `nginx.sets/${await readlink(join(paths.nginxSets, 'loaded')).catch(() => '?')}`,
    },
    broken: await brokenFiles(home, files),
  }
}

/** Where a branch points. */
async function headOf({ paths }: Host, { repo, branch }: BranchRef): Promise<string> {
  const args = ['--git-dir', paths.repo(repo), 'rev-parse', `refs/heads/${branch}`]
  return (await execa('git', args, { reject: false })).stdout
}

function same(a: readonly number[], b: readonly number[]): boolean {
  const [one, other] = [new Set(a), new Set(b)]
  return one.size === other.size && [...one].every((port) => other.has(port))
}

/** Every path below `directory`, hidden ones too, but not what is in a checkout or a repository. */
async function tree(home: string, directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    if (hasErrno(error, 'ENOENT')) return []
    throw error
  })
  const below = await Promise.all(
    entries.map(async (entry) => {
      const path = relative(home, join(directory, entry.name))
      const inside =
        /^(checkouts|repos)\//.test(path) && path.split('/').length > (path.startsWith('repos') ? 2 : 4)
      if (inside) return []
      return entry.isDirectory() ? [path, ...(await tree(home, join(home, path)))] : [path]
    }),
  )
  return below.flat().toSorted()
}

/** What runs, without what the host's svscan may yet have to look at. */
async function processes({ home, paths }: Host): Promise<string[]> {
  const lines = await Promise.all(
    (await leftovers(home)).map(async (line) => {
      const [pid = '', ...words] = line.split(' ')
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '')
      const service = cwd.startsWith(`${paths.services}/`)
      // One that works in a service which has been removed would be for ever.
      if (service && !cwd.endsWith(' (deleted)') && !/\/services\/\./.test(cwd)) return []
      return [`${words.join(' ')} in ${relative(home, cwd)}`]
    }),
  )
  return lines.flat()
}

/** The kernel's list of locks (proc_locks(5)), by inode. */
async function heldLocks(home: string, files: readonly string[]): Promise<string[]> {
  const held = new Set(
    (await readFile('/proc/locks', 'utf8')).split('\n').map((line) => line.split(/[:\s]+/)[7]),
  )
  const found = await Promise.all(
    files
      .filter((file) => /(lock|\.retire)$/.test(file) && !file.includes('/supervise/'))
      .map(async (file) => {
        const stats = await lstat(join(home, file)).catch(() => undefined)
        return stats !== undefined && held.has(String(stats.ino)) ? [file] : []
      }),
  )
  return found.flat()
}

async function brokenFiles(home: string, files: readonly string[]): Promise<string[]> {
  const present = new Set(files)
  const found = await Promise.all(
    files.map(async (file) => {
      if (ownerOfTemporary(basename(file)) !== undefined) return [file]
      if (file.endsWith('.log') && file.includes('/deploys/'))
        return present.has(file.replace(/log$/, 'json')) ? [] : [file]
      if (!file.endsWith('.json') || file.startsWith('config/')) return []
      try {
        const value = JSON.parse(await readFile(join(home, file), 'utf8')) as Partial<DeployRecord>
        return file.includes('/deploys/') && value.result === 'running'
          ? [`${file} is running: ${value.error ?? 'no error'}`]
          : []
      } catch (error) {
        return [`${file}: ${String(error)}`]
      }
    }),
  )
  return found.flat()
}
