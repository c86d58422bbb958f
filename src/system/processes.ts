/** What the kernel tells of processes and sockets (Linux, proc(5)). */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { hasErrno } from '../errors.ts'

/** Whether a process with this pid is there (a zombie is not). */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (!hasErrno(error, 'EPERM')) return false
  }
  const stat = await ofProcess(pid, 'stat')
  return stat !== undefined && stateOf(stat) !== 'Z'
}

/**
 * What tells a process from all others, those of former boots of the host with the same pid included.
 * Undefined: it is not there (a zombie is not).
 */
export async function identityOf(pid: number): Promise<string | undefined> {
  const stat = await ofProcess(pid, 'stat')
  if (stat === undefined || stateOf(stat) === 'Z') return undefined
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  return [pid, afterName(stat)[19], boot.trim()].join(' ')
}

/** Whether the process of an identity (see {@link identityOf}) is still there. */
export async function isThere(identity: string): Promise<boolean> {
  return identity !== '' && (await identityOf(Number.parseInt(identity))) === identity
}

/** Children of a process. */
export async function childrenOf(pid: number): Promise<number[]> {
  const text = await ofProcess(pid, `task/${pid}/children`)
  return text === undefined ? [] : numbers(text)
}

/** The command line; programs such as nginx show their state in it. */
export async function commandLineOf(pid: number): Promise<string | undefined> {
  return (await ofProcess(pid, 'cmdline'))?.replaceAll('\0', ' ').trim()
}

/** All processes that have `name=value` in the environment that they were started with, and may be looked at. */
export async function withEnvironment(name: string, value: string): Promise<number[]> {
  const entry = `${name}=${value}`
  const pids = numbers((await readdir('/proc')).filter((file) => /^\d+$/.test(file)).join(' '))
  const marked = await Promise.all(
    pids.map(async (pid) => (await ofProcess(pid, 'environ'))?.split('\0').includes(entry) === true),
  )
  return pids.filter((_, at) => marked[at])
}

/** The session that a process belongs to (setsid(2)). */
export async function sessionOf(pid: number): Promise<number | undefined> {
  const stat = await ofProcess(pid, 'stat')
  if (stat === undefined) return undefined
  return Number(afterName(stat)[3])
}

/** When a process began, in seconds since the start of the host. */
export async function startOf(pid: number): Promise<number | undefined> {
  const stat = await ofProcess(pid, 'stat')
  // In ticks of a hundredth of a second on every Linux (USER_HZ).
  return stat === undefined ? undefined : Number(afterName(stat)[19]) / 100
}

/** Seconds since the start of the host, on the clock of {@link startOf}. */
export async function uptime(): Promise<number> {
  return Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0])
}

/** Target of `/proc/<pid>/cwd`. */
export async function workingDirectoryOf(pid: number): Promise<string | undefined> {
  try {
    return await readlink(`/proc/${pid}/cwd`)
  } catch {
    return undefined
  }
}

/** How many established TCP connections there are to these local ports together. */
export async function connectionsTo(ports: readonly number[]): Promise<number> {
  const wanted = new Set(ports)
  return (await establishedConnections()).filter(({ local }) => wanted.has(local)).length
}

/** An established TCP connection, by the ports of its ends. */
export interface Connection {
  readonly local: number
  readonly remote: number
}

/** Established TCP connections of these processes together; undefined if one of them may not be looked at. */
export async function connectionsOf(pids: readonly number[]): Promise<Connection[] | undefined> {
  const sockets = new Set<string>()
  for (const pid of pids) {
    try {
      const files = await readdir(`/proc/${pid}/fd`)
      const targets = await Promise.all(
        files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => '')),
      )
      for (const target of targets) sockets.add(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? '')
    } catch (error) {
      if (hasErrno(error, 'EACCES', 'EPERM')) return undefined
      if (!hasErrno(error, 'ENOENT', 'ESRCH')) throw error
    }
  }
  const rows = await establishedConnections()
  return rows.filter(({ inode }) => sockets.has(inode))
}

/** Rows of `/proc/net/tcp` and `tcp6`. */
async function establishedConnections(): Promise<(Connection & { inode: string })[]> {
  const found: (Connection & { inode: string })[] = []
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    let text: string
    try {
      text = await readFile(table, 'utf8')
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) continue
      throw error
    }
    for (const row of text.split('\n').slice(1)) {
      const [, local, remote, state, , , , , , inode = ''] = row.trim().split(/\s+/)
      // 01 is ESTABLISHED (include/net/tcp_states.h).
      if (state === '01') found.push({ local: portIn(local), remote: portIn(remote), inode })
    }
  }
  return found
}

/** The port of an address such as `0100007F:1F90`. */
function portIn(address = ''): number {
  return Number.parseInt(address.split(':').at(-1) ?? '', 16)
}

async function ofProcess(pid: number, file: string): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/${file}`, 'utf8')
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return undefined
    throw error
  }
}

/** Fields of `stat` behind the name, which may hold anything: state, ppid, pgrp, session, … */
function afterName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function stateOf(stat: string): string | undefined {
  return afterName(stat)[0]
}

function numbers(text: string): number[] {
  return text.split(/\s+/).filter(Boolean).map(Number)
}
