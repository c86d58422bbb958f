/** One command of a client of the embedded server. */
import type { Socket } from 'node:net'
import type { ServerChannel } from 'ssh2'
import type { Log } from '../context.ts'
import { messageOf, PypaasError } from '../errors.ts'
import { type ChannelStreams, serveChannel } from './channel.ts'

export interface SshSession extends ChannelStreams {
  /** Name of the key. */
  readonly key: string
  /** The client's IP address. */
  readonly address: string
  /** As the client sent it. Undefined: a login without a command. */
  readonly command: string | undefined
  /** The client's GIT_PROTOCOL, for git's own processes. */
  readonly gitProtocol: string | undefined
  /** Aborts when the client goes away and when the server stops. */
  readonly signal: AbortSignal
}

export interface SessionOptions {
  readonly request: Pick<SshSession, 'key' | 'address' | 'command' | 'gitProtocol'>
  readonly socket: Socket
  /** Aborts when the client has gone. */
  readonly gone: AbortSignal
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal
  readonly log: Log
  readonly handle: (session: SshSession) => Promise<number>
}

export interface RunningSession {
  /** The command has ended. Never rejects. */
  readonly handled: Promise<void>
  /** And its output and status were sent, or the client has gone. Never rejects. */
  readonly sent: Promise<void>
}

/** Has the command handled; what it throws becomes a line and an exit status for the client. */
export function runSession(channel: ServerChannel, options: SessionOptions): RunningSession {
  const { request, gone, log } = options
  const fields = { key: request.key, address: request.address, command: commandForLog(request.command) }
  const signal = AbortSignal.any([gone, options.stopping])
  let done: (() => void) | undefined
  const handled = new Promise<void>((resolve) => {
    done = resolve
  })
  async function answer(streams: ChannelStreams): Promise<number> {
    log.info(fields, 'SSH command')
    let status: number
    try {
      status = await options.handle({ ...request, ...streams, signal })
    } catch (error) {
      const expected = error instanceof PypaasError
      const stack = error instanceof Error && !expected ? error.stack : undefined
      log.error({ ...fields, error: stack ?? messageOf(error) }, 'SSH command failed')
      streams.stderr.write(`pypaas: ${expected ? error.message : "internal error; see the daemon's log"}\n`)
      status = expected ? error.exitStatus : 1
    }
    log.info({ ...fields, status, gone: gone.aborted }, 'SSH command ended')
    done?.()
    return status
  }
  const sent = serveChannel(channel, options.socket, gone, answer).catch((error: unknown) => {
    // The client left in the middle of the answer.
    log.info({ ...fields, error: messageOf(error) }, 'SSH connection broken')
  })
  return { handled, sent }
}

/** The beginning of a command, for the log: later words, and what follows a `=`, may be secrets. */
export function commandForLog(command: string | undefined): string {
  const words = (command ?? '').trim().split(/\s+/, 2)
  return words
    .map((word) => word.replace(/=.*$/, '=…'))
    .join(' ')
    .slice(0, 200)
}
