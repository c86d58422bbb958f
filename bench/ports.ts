/** Ports for servers of ours, and those that hosts give to apps. */
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

/** Ports of loopback that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  for (const server of servers) server.close()
  return ports
}

/**
 * What a host may give to its apps: below those that the kernel gives to clients; another run at the same time has
 * others.
 * @param at of several hosts at the same time which, up to 10
 */
export function appPorts(at?: number): { readonly min: number; readonly max: number } {
  const first = 10_000 + (process.pid % 11) * 2000
  return at === undefined
    ? { min: first, max: first + 1999 }
    : { min: first + at * 200, max: first + at * 200 + 199 }
}
