/** One request for an archive: redirects followed, credentials for the first origin only, an end to silence. */
import { Readable } from 'node:stream'
import type { HttpRemote } from '../config/remote.ts'
import { messageOf, PypaasError } from '../errors.ts'

/** Seconds without a byte after which the other end counts as gone. */
const SILENCE = 60

export interface Request {
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The content, as it comes; ends with an error if the connection does. */
  content(): Readable
  /** Closes the connection without reading the content. */
  discard(): void
}

/** @throws PypaasError `failed` with {@link isBroken}, or `cancelled` */
export async function ask({ url, shown, credentials }: HttpRemote, request: Request): Promise<Answer> {
  const end = new AbortController()
  const cancel = (): void => end.abort()
  if (request.signal.aborted) cancel()
  request.signal.addEventListener('abort', cancel, { once: true })
  const silence = setTimeout(cancel, SILENCE * 1000)
  const over = (): void => {
    clearTimeout(silence)
    request.signal.removeEventListener('abort', cancel)
  }
  const failed = (error: unknown): PypaasError =>
    request.signal.aborted ? cancelled(shown) : broken(shown, end.signal.aborted, error)
  let response: Response
  try {
    response = await fetch(url, {
      headers: {
        // An archive is packed already, and a part of it can be asked for only if it is sent as it is.
        'Accept-Encoding': 'identity',
        'User-Agent': 'pypaas',
        ...request.headers,
        // fetch leaves it out when a redirect leads to another origin.
        ...(credentials === undefined ? {} : { Authorization: basic(credentials) }),
      },
      signal: end.signal,
    })
  } catch (error) {
    over()
    throw failed(error)
  }
  return {
    status: response.status,
    headers: response.headers,
    content() {
      const { body } = response
      return Readable.from(body === null ? [] : watched(body, () => silence.refresh(), over, failed))
    },
    discard() {
      over()
      end.abort()
      // Nothing waits for it.
      void response.body?.cancel().catch(() => {})
    },
  }
}

/** The connection broke, or nothing came any more: it may go better another time. */
export function isBroken(error: unknown): boolean {
  return error instanceof PypaasError && error.code === 'failed' && error.cause instanceof Broken
}

class Broken extends Error {}

/** A failure that may pass, as {@link isBroken} knows it. */
export function broken(shown: string, silent: boolean, cause: unknown): PypaasError {
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause
  const why = silent ? `nothing came for ${SILENCE} seconds` : messageOf(inner)
  return new PypaasError('failed', `cannot pull from ${shown}: ${why}`, {
    cause: new Broken(why, { cause }),
    hint: 'look whether it runs and can be reached from this host; it is tried again at the next schedule',
  })
}

async function* watched(
  body: ReadableStream<Uint8Array>,
  heard: () => void,
  over: () => void,
  failed: (error: unknown) => PypaasError,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      heard()
      yield chunk
    }
  } catch (error) {
    throw failed(error)
  } finally {
    over()
  }
}

function cancelled(shown: string): PypaasError {
  return new PypaasError('cancelled', `cancelled: pulling from ${shown}`)
}

function basic({ user, password }: { readonly user: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}
