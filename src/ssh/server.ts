/**
 * The embedded SSH server: public keys only, commands only. No shell, terminal, forwarding, subsystem or agent.
 * It pulls in ssh2, so whoever may not need it imports this file lazily.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import ssh2, { type Algorithms } from 'ssh2'
import type { ListenAddress } from '../config/types.ts'
import type { Log } from '../context.ts'
import { hasErrno, PypaasError } from '../errors.ts'
import { Connection, type SshLimits } from './connection.ts'
import { ensureHostKey } from './host-key.ts'
import type { Key } from './keys.ts'
import type { SshSession } from './session.ts'

export type { SshLimits } from './connection.ts'
export type { SshSession } from './session.ts'

export interface SshServerOptions {
  /** Port 0: any that is free. */
  readonly listen: ListenAddress
  readonly hostKeyFile: string
  readonly log: Log
  readonly limits?: Partial<SshLimits>
  /** Who may log in; asked at every try, see `watchedKeys`. */
  keys(): Promise<readonly Key[]>
  /** Runs a command; what it returns is the client's exit status. */
  handle(session: SshSession): Promise<number>
}

export interface SshServer {
  readonly address: { readonly host: string; readonly port: number }
  /** The host's public key, `ssh-ed25519 AAAA…`. */
  readonly hostKey: string
  /** Takes no more clients, aborts the signals of the commands that run, waits for these, and hangs up. */
  close(): Promise<void>
}

const LIMITS: SshLimits = { tries: 6, loginTime: 30, sessions: 10, unauthenticated: 64, connections: 256 }
/** Milliseconds between two questions to a silent client, and how many may stay without an answer. */
const KEEPALIVE = { interval: 15_000, count: 3 }
/** What OpenSSH 9.2 offers by itself, as far as ssh2 has it; nothing with CBC, SHA-1 or compression. */
const ALGORITHMS: Algorithms = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
    'diffie-hellman-group14-sha256',
  ],
  serverHostKey: ['ssh-ed25519'],
  cipher: [
    'chacha20-poly1305@openssh.com',
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'aes128-ctr',
    'aes192-ctr',
    'aes256-ctr',
  ],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
}

/**
 * Starts to listen.
 * @throws PypaasError `busy` if the port is taken, `config` if it may not be used or the host key is unfit
 */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const hostKey = await ensureHostKey(options.hostKeyFile)
  const limits = { ...LIMITS, ...options.limits }
  const stopping = new AbortController()
  const connections = new Map<string, Connection>()

  const protocol = new ssh2.Server(
    {
      hostKeys: [hostKey.private],
      ident: 'pypaas',
      algorithms: ALGORITHMS,
      keepaliveInterval: KEEPALIVE.interval,
      keepaliveCountMax: KEEPALIVE.count,
    },
    (client, { ip, port }) => {
      const connection = connections.get(peerOf(ip, port))
      if (connection === undefined) client.end()
      else connection.greet(client)
    },
  )

  // A listener of our own, as ssh2 tells of a client only once it has spoken, and limits begin before that.
  const listener = createServer({ noDelay: true }, (socket: Socket) => {
    const { remoteAddress: address, remotePort: port } = socket
    if (address === undefined || port === undefined) {
      socket.destroy()
      return
    }
    const waiting = [...connections.values()].filter((connection) => !connection.authenticated).length
    if (connections.size >= limits.connections || waiting >= limits.unauthenticated) {
      options.log.warn({ address, connections: connections.size, waiting }, 'too many SSH connections')
      socket.destroy()
      return
    }
    const peer = peerOf(address, port)
    connections.set(
      peer,
      new Connection(socket, {
        limits,
        log: options.log,
        keys: () => options.keys(),
        handle: (session) => options.handle(session),
        stopping: stopping.signal,
      }),
    )
    socket.once('close', () => connections.delete(peer))
    protocol.injectSocket(socket)
  })
  await listen(listener, options.listen)
  const { address, port } = listener.address() as AddressInfo

  let closing: Promise<void> | undefined
  async function close(): Promise<void> {
    const closed = new Promise((resolve) => listener.close(resolve))
    stopping.abort(new PypaasError('cancelled', 'the server is stopping'))
    await Promise.all([...connections.values()].map((connection) => connection.end()))
    await closed
  }
  return { address: { host: address, port }, hostKey: hostKey.public, close: () => (closing ??= close()) }
}

function peerOf(address: string, port: number): string {
  return `${address} ${port}`
}

function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => reject(cannotListen(host, port, cause))
    server.once('error', failed)
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', failed)
      resolve()
    })
  })
}

function cannotListen(host: string | undefined, port: number, cause: Error): PypaasError {
  const what = `the SSH server cannot listen on ${host ?? 'any address'}, port ${port}`
  const hint = 'set another address with `ssh: {listen: host:port}` in pypaas.yml'
  if (hasErrno(cause, 'EADDRINUSE')) {
    return new PypaasError('busy', `${what}: something else does`, {
      cause,
      hint: `stop it (\`ss -ltnp\` shows it), or ${hint}`,
    })
  }
  const why = hasErrno(cause, 'EACCES') ? 'ports below 1024 are for root' : cause.message
  return new PypaasError('config', `${what}: ${why}`, { cause, hint })
}
