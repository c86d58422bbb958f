/** Sockets that listen for TCP connections, and whose they are (Linux, proc(5)). */
import { readFileSync } from 'node:fs'
import { openFilesOf } from './process-table.ts'

export interface Listener {
  /** `127.0.0.1`, `0.0.0.0`, `::1`, `::`, … */
  readonly address: string
  readonly port: number
  readonly inode: string
}

/** Every listening TCP socket of the host. */
export function listeners(): Listener[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => {
    try {
      return parseListeners(readFileSync(table, 'utf8'))
    } catch {
      return [] // no IPv6
    }
  })
}

/** Rows of `/proc/net/tcp` and `tcp6` in the state 0A, which is LISTEN (include/net/tcp_states.h). Pure. */
export function parseListeners(table: string): Listener[] {
  const found: Listener[] = []
  for (const row of table.split('\n').slice(1)) {
    const [, local = '', , state, , , , , , inode = ''] = row.trim().split(/\s+/)
    if (state !== '0A') continue
    const [address = '', port = ''] = local.split(':')
    found.push({ address: addressOf(address), port: Number.parseInt(port, 16), inode })
  }
  return found
}

/** Those of `candidates` that belong to one of these processes. */
export function listenersOf(pids: Iterable<number>, candidates: readonly Listener[]): Listener[] {
  const held = new Set([...pids].flatMap((pid) => openFilesOf(pid)))
  return candidates.filter(({ inode }) => held.has(`socket:[${inode}]`))
}

/** The kernel prints addresses as 32-bit words in the machine's byte order. */
function addressOf(hex: string): string {
  const words = hex.match(/.{8}/g) ?? []
  const bytes = words.flatMap((word) => (word.match(/../g) ?? []).toReversed())
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join('.')
  const groups = Array.from({ length: 8 }, (_, at) =>
    Number.parseInt(`${bytes[2 * at]}${bytes[2 * at + 1]}`, 16).toString(16),
  )
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
}
