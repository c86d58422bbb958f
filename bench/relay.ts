/** A way to a port that counts what goes over it. It costs this process something: not for what is timed. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Traffic } from './file-server.ts'
import type { Ends } from './subject.ts'

export interface Relay {
  readonly port: number
  traffic(): Promise<Traffic>
  end(): Promise<void>
}

export async function startRelay(to: number, ends: Ends): Promise<Relay> {
  const counts = { requests: 0, sent: 0, received: 0 }
  const open = new Set<Socket>()
  const server = createServer((client) => {
    counts.requests++
    const upstream = connect(to, '127.0.0.1')
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => open.delete(one))
      one.pipe(other)
    }
    client.on('data', (chunk: Buffer) => (counts.sent += chunk.length))
    upstream.on('data', (chunk: Buffer) => (counts.received += chunk.length))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const end = ends.add(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of open) socket.destroy()
    await closed
  })
  return {
    port: (server.address() as AddressInfo).port,
    traffic: () => Promise.resolve({ ...counts }),
    end,
  }
}
