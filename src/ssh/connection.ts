/** One client of the embedded SSH server, from the first byte to the last. */
import type { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { AcceptConnection, Connection as Client, ServerChannel, Session } from 'ssh2'
import type { Log } from '../context.ts'
import { PypaasError } from '../errors.ts'
import type { Key } from './keys.ts'
import { type Login, loginOf } from './login.ts'
import { type RunningSession, runSession, type SshSession } from './session.ts'

export interface SshLimits {
  /** Refused tries to log in. Clients offer every key of an agent, each a try; sshd's MaxAuthTries. */
  readonly tries: number
  /** Seconds until a client has to be logged in (sshd's LoginGraceTime, which is 120). */
  readonly loginTime: number
  /** Commands of one connection at a time; sshd's MaxSessions. */
  readonly sessions: number
  /** Clients at a time that are not logged in, like sshd's MaxStartups. */
  readonly unauthenticated: number
  /** Clients at a time. */
  readonly connections: number
}

export interface ConnectionOptions {
  readonly limits: SshLimits
  readonly log: Log
  readonly keys: () => Promise<readonly Key[]>
  readonly handle: (session: SshSession) => Promise<number>
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal
}

/** Milliseconds that a client gets to hang up by itself. */
const HANG_UP = 1000

export class Connection {
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #address: string
  readonly #login: Login
  /** Aborts when the client has gone. */
  readonly #gone = new AbortController()
  readonly #running = new Set<RunningSession>()
  readonly #loginTimer: NodeJS.Timeout
  #client: Client | undefined
  #authenticated = false
  #sessions = 0

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket
    this.#options = options
    this.#address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    this.#login = loginOf({
      address: this.#address,
      log: options.log,
      tries: options.limits.tries,
      keys: options.keys,
      end: () => this.#hangUp(),
    })
    this.#loginTimer = globalThis.setTimeout(() => {
      options.log.warn({ address: this.#address }, 'SSH login took too long')
      socket.destroy()
    }, options.limits.loginTime * 1000)
    // ssh2 listens for errors as well, but not before it has begun.
    socket.on('error', () => {})
    socket.once('close', () => this.#closed())
  }

  get authenticated(): boolean {
    return this.#authenticated
  }

  /** Takes over the client that ssh2 has found to speak SSH. */
  greet(client: Client): void {
    const { log } = this.#options
    this.#client = client
    client.on('error', (error: Error) => {
      if (!this.#gone.signal.aborted) {
        log.info(
          { address: this.#address, key: this.#login.key?.name, error: error.message },
          'SSH connection broken',
        )
      }
    })
    client.on('authentication', (context) => void this.#login.decide(context))
    client.on('ready', () => {
      this.#authenticated = true
      clearTimeout(this.#loginTimer)
      log.info({ address: this.#address, key: this.#login.key?.name }, 'SSH login')
    })
    // Port forwarding and the like. `no-more-sessions` is granted by ssh2 itself as soon as somebody listens.
    client.on('request', (_accept: unknown, reject: (() => void) | undefined) => reject?.())
    client.on('session', (accept, reject) => this.#open(accept, reject))
    client.once('end', () => this.#gone.abort(new PypaasError('cancelled', 'the client has gone')))
  }

  /** Waits for the commands that run, and a moment for their clients to take the output, then hangs up. */
  async end(): Promise<void> {
    const running = [...this.#running]
    const closed = new Promise<void>((resolve) => {
      if (this.#socket.closed) resolve()
      else this.#socket.once('close', () => resolve())
    })
    await Promise.all(running.map(({ handled }) => handled))
    if (running.length > 0) {
      // A client leaves by itself after its command, and OpenSSH's drops what it has not printed yet when it is told to.
      const late = new AbortController()
      await Promise.race([closed, setTimeout(HANG_UP, undefined, { signal: late.signal }).catch(() => {})])
      late.abort()
    }
    this.#hangUp()
    await closed
  }

  #hangUp(): void {
    if (this.#client === undefined) {
      this.#socket.destroy()
      return
    }
    this.#client.end()
    const timer = globalThis.setTimeout(() => this.#socket.destroy(), HANG_UP)
    this.#socket.once('close', () => clearTimeout(timer))
  }

  #closed(): void {
    clearTimeout(this.#loginTimer)
    this.#gone.abort(new PypaasError('cancelled', 'the client has gone'))
    if (!this.#authenticated && this.#client !== undefined) {
      this.#options.log.warn({ address: this.#address, refused: this.#login.refused }, 'SSH login refused')
    }
  }

  #open(accept: AcceptConnection<Session>, reject: () => void): void {
    const { limits, log, stopping, handle } = this.#options
    const key = this.#login.key
    if (key === undefined || this.#sessions >= limits.sessions || stopping.aborted) {
      reject()
      return
    }
    this.#sessions++
    const session = accept()
    const closed = new AbortController()
    let gitProtocol: string | undefined
    session.once('close', () => {
      this.#sessions--
      closed.abort(new PypaasError('cancelled', 'the client has gone'))
    })
    session.on('env', (take, refuse, { key: name, val: value }) => {
      const wanted = name === 'GIT_PROTOCOL' && /^[\w=:.-]{1,256}$/.test(value)
      if (wanted) gitProtocol = value
      // Both are absent if the client wants no answer, and OpenSSH's does not.
      const answer: (() => unknown) | undefined = wanted ? take : refuse
      answer?.()
    })
    const begin = (take: AcceptConnection<ServerChannel>, command: string | undefined): void => {
      const channel = take() as ServerChannel | undefined
      if (channel === undefined) return
      const run = runSession(channel, {
        request: { key: key.name, address: this.#address, command, gitProtocol },
        socket: this.#socket,
        gone: AbortSignal.any([this.#gone.signal, closed.signal]),
        stopping,
        log,
        handle,
      })
      this.#running.add(run)
      void run.sent.then(() => this.#running.delete(run))
    }
    session.on('exec', (take, _refuse, { command }) => begin(take, command))
    session.on('shell', (take) => begin(take, undefined))
  }
}
