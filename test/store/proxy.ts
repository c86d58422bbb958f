/** A way to a port of this host that can be cut, and counts what goes through it. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Proxy {
  readonly url: string
  /** Bytes from clients, and to them, so far. */
  readonly sent: () => number
  readonly received: () => number
  /** Breaks every connection as soon as so many more bytes have gone in a direction; once. */
  cutAfter(direction: 'sent' | 'received', bytes: number): void
  readonly cuts: () => number
  /** Refuses connections, or takes them again. */
  close(): Promise<void>
  open(): Promise<void>
}

export async function proxyTo(target: number): Promise<Proxy> {
  const count = { sent: 0, received: 0 }
  let cut: { direction: 'sent' | 'received'; at: number } | undefined
  let cuts = 0
  const sockets = new Set<Socket>()
  const breakAll = (): void => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  const pass = (direction: 'sent' | 'received', from: Socket, to: Socket): void => {
    from.on('data', (chunk: Buffer) => {
      count[direction] += chunk.length
      if (cut?.direction === direction && count[direction] >= cut.at) {
        cut = undefined
        cuts++
        breakAll()
        return
      }
      // Not more than the other side takes: a cut must hit what is on its way.
      if (!to.write(chunk)) {
        from.pause()
        to.once('drain', () => from.resume())
      }
    })
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => sockets.delete(from))
  }
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    sockets.add(client).add(upstream)
    pass('sent', client, upstream)
    pass('received', upstream, client)
  })
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    breakAll()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  onTestFinished(close)
  return {
    url: `http://127.0.0.1:${port}`,
    sent: () => count.sent,
    received: () => count.received,
    cutAfter(direction, bytes) {
      cut = { direction, at: count[direction] + bytes }
    },
    cuts: () => cuts,
    close,
    open: () => listen(port),
  }
}
