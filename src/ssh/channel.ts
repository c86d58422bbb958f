/** An SSH channel as three streams and an exit status. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { PassThrough, type Readable, Writable } from 'node:stream'
import type { ServerChannel } from 'ssh2'

export interface ChannelStreams {
  /** Ends when the client has sent everything; fails when it goes away before. */
  readonly stdin: Readable
  /** Fails when the client goes away, so that whoever waits for it stops; who does not listen is not harmed. */
  readonly stdout: Writable
  readonly stderr: Writable
}

/**
 * Runs `command` on the channel's streams and then sends all that it wrote, its exit status, and the end.
 * @param gone aborts when the client has gone; nothing is sent from then on
 */
export async function serveChannel(
  channel: ServerChannel,
  socket: Socket,
  gone: AbortSignal,
  command: (streams: ChannelStreams) => Promise<number>,
): Promise<void> {
  const stdin = new PassThrough()
  const [stdout, stderr] = outputsOf(channel, socket, gone)
  const streams = [stdin, stdout, stderr]
  // A client that goes away is told by the signal; an error nobody listens to would end the daemon.
  for (const stream of [...streams, channel, channel.stderr]) stream.on('error', () => {})
  const leave = (reason?: Error): void => {
    channel.unpipe(stdin)
    for (const stream of streams) stream.destroy(reason)
  }
  const left = (): void => leave(gone.reason as Error)
  if (gone.aborted) left()
  else gone.addEventListener('abort', left, { once: true })
  channel.pipe(stdin)
  try {
    const status = await command({ stdin, stdout, stderr })
    await Promise.all([stdout, stderr].map(ended))
    if (!gone.aborted) {
      channel.exit(status)
      channel.end()
    }
  } finally {
    gone.removeEventListener('abort', left)
    leave()
    // ssh2 forgets a channel only when it has been read to its end.
    channel.resume()
  }
}

/** Resolves when everything was handed to the client, or cannot be any more. */
function ended(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    stream.end(() => resolve())
  })
}

/**
 * The channel's two outputs, of which one writes at a time. ssh2 (1.17) keeps, of what did not fit into the
 * client's window, one piece an output and sends the older one again when the other output has to wait; so
 * both never wait together, and what was sent is forgotten.
 */
function outputsOf(channel: ServerChannel, socket: Socket, gone: AbortSignal): [Writable, Writable] {
  let last: Promise<void> = Promise.resolve()
  const output = (target: Writable): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        const sent = last.then(() => send(target, chunk, gone))
        last = sent
          .then(() => {
            Object.assign(channel, { _chunk: undefined, _chunkcb: undefined })
            Object.assign(channel, { _chunkErr: undefined, _chunkcbErr: undefined })
            return drained(socket, gone)
          })
          .then(() => done(), done)
      },
    })
  return [output(channel), output(channel.stderr)]
}

/** ssh2 never answers a write to a client that has gone, and throws for one that is just going. */
function send(target: Writable, chunk: Buffer, gone: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (gone.aborted) {
      resolve()
      return
    }
    const left = (): void => resolve()
    gone.addEventListener('abort', left, { once: true })
    try {
      target.write(chunk, (error) => {
        gone.removeEventListener('abort', left)
        if (error) reject(error)
        else resolve()
      })
    } catch (error) {
      gone.removeEventListener('abort', left)
      reject(error)
    }
  })
}

/** A client may offer a window of gigabytes and read nothing; what it does not take must not pile up here. */
async function drained(socket: Socket, gone: AbortSignal): Promise<void> {
  if (socket.writableNeedDrain && !gone.aborted) {
    await once(socket, 'drain', { signal: gone }).catch(() => {})
  }
}
