/** What a deploy makes nginx do: files written, tests, reloads, counted from outside while it goes on. */
import { readdirSync, readFileSync, statSync, watch } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'
import { confirmReload, workersOf } from '../src/nginx/reload.ts'
import { pathsOf } from '../src/paths.ts'
import type { BenchHost } from './host.ts'

export interface NginxWork {
  /** Files of nginx that are others than before, or gone. */
  readonly filesChanged: number
  readonly files: number
  /** A set of files is written to be tested, and tested once. */
  readonly tests: number
  /** Generations of workers. */
  readonly reloads: number
}

/** Milliseconds between two looks at nginx's workers; a reload takes longer. */
const LOOK = 2

export async function countNginxWork(host: BenchHost, work: () => Promise<unknown>): Promise<NginxWork> {
  const { nginxFiles, nginxSets } = pathsOf(host.home)
  const before = filesIn(nginxFiles)
  const known = new Set(readdirSync(nginxSets))
  const tested = new Set<string>()
  const watcher = watch(nginxSets, (_event, name) => {
    if (name !== null && /^\d+$/.test(name) && !known.has(name)) tested.add(name)
  })
  const master = masterOf(host)
  const workers = await workersOf(master)
  const seen = new Set<number>()
  const over = new AbortController()
  const looking = (async () => {
    while (!over.signal.aborted) {
      for (const pid of await workersOf(master)) if (!workers.includes(pid)) seen.add(pid)
      await delay(LOOK)
    }
  })()
  try {
    await work()
    // The watcher's last events.
    await delay(50)
  } finally {
    over.abort()
    await looking
    watcher.close()
  }
  const after = filesIn(nginxFiles)
  const changed = new Set([...before, ...after].filter((entry) => !before.has(entry) || !after.has(entry)))
  return {
    filesChanged: new Set([...changed].map((entry) => entry.split(' ')[0])).size,
    files: after.size,
    tests: tested.size,
    reloads: Math.round(seen.size / Math.max(1, workers.length)),
  }
}

/** Milliseconds of a test of nginx's files, and of a reload until new workers serve and the old ones end. */
export async function timeNginx(
  host: BenchHost,
): Promise<{ readonly test: number; readonly reload: number }> {
  const prefix = pathsOf(host.home).runFile('nginx')
  const begun = performance.now()
  await execa('nginx', ['-t', '-q', '-p', `${prefix}/`, '-c', join(prefix, 'nginx.conf')], {
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
  })
  const test = performance.now() - begun
  const master = masterOf(host)
  const start = performance.now()
  await confirmReload(master, { errorLog: undefined, timeout: 60, hasten: true }, () => {
    process.kill(master, 'SIGHUP')
  })
  return { test, reload: performance.now() - start }
}

function masterOf(host: BenchHost): number {
  return Number(readFileSync(join(pathsOf(host.home).runFile('nginx'), 'nginx.pid'), 'utf8').trim())
}

/** `name inode time` of each file; a file that is only linked to another set has the same. */
function filesIn(directory: string): Set<string> {
  const names = readdirSync(directory).filter((name) => name.endsWith('.conf'))
  return new Set(
    names.map((name) => {
      const { ino, mtimeMs } = statSync(join(directory, name))
      return `${name} ${ino} ${mtimeMs}`
    }),
  )
}
