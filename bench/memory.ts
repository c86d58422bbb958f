/** What of a host is in memory, by who it is for. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import type { BenchHost } from './host.ts'

export type Resident = 'daemon' | 'nginx' | 'supervision' | 'apps' | 'other'

export interface Usage {
  readonly processes: number
  /** Proportional set size: what processes share is counted once among them. Bytes. */
  readonly bytes: number
}

/** svscan, supervise, multilog, and what waits for a release's lock. */
const SUPERVISION = new Set([
  'svscan',
  'supervise',
  'multilog',
  'setlock',
  'flock',
  'svscanboot',
  'readproctitle',
])

/** Everything that runs of a host. The clients' side, its sshd included, is left out. */
export async function memoryOf(host: BenchHost): Promise<Record<Resident, Usage>> {
  const usage: Record<Resident, { processes: number; bytes: number }> = {
    daemon: { processes: 0, bytes: 0 },
    nginx: { processes: 0, bytes: 0 },
    supervision: { processes: 0, bytes: 0 },
    apps: { processes: 0, bytes: 0 },
    other: { processes: 0, bytes: 0 },
  }
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const kind = await kindOf(Number(pid), host)
    if (kind === undefined) continue
    usage[kind].processes++
    usage[kind].bytes += await proportionalSize(pid)
  }
  return usage
}

async function kindOf(pid: number, { home, client, daemon }: BenchHost): Promise<Resident | undefined> {
  if (pid === daemon) return 'daemon'
  const read = (file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '')
  const command = (await read('cmdline')).replaceAll('\0', ' ')
  const name = (await read('comm')).trim()
  if (command === '' || name === 'sshd' || cwd.startsWith(client)) return undefined
  const ours = [cwd, command, await read('environ')].some((text) => text.includes(home))
  if (!ours || pid === process.pid) return undefined
  if (name === 'nginx') return 'nginx'
  if (SUPERVISION.has(name)) return 'supervision'
  return cwd.startsWith(`${home}/checkouts/`) ? 'apps' : 'other'
}

/** proc(5), smaps_rollup; of a process that has ended nothing. */
async function proportionalSize(pid: string): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '')
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024
}
