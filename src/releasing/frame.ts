/** How a release and a build server talk over one connection: a line of JSON, then bytes to the end. */
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { PypaasError } from '../errors.ts'

/** Bytes of a first line; a commit's message is in it. */
const LONGEST = 1 << 20

/**
 * The first line of a stream, as JSON. What is behind it is left in the stream.
 * @throws PypaasError `failed` if the stream ends before, or the line is none
 */
export async function readHead(stream: Readable): Promise<unknown> {
  let seen = Buffer.alloc(0)
  for (;;) {
    const chunk = (await nextChunk(stream)) ?? Buffer.alloc(0)
    const end = chunk.indexOf('\n')
    if (end === -1 && (chunk.length === 0 || seen.length + chunk.length > LONGEST)) throw cutOff()
    if (end === -1) {
      seen = Buffer.concat([seen, chunk])
      continue
    }
    stream.unshift(chunk.subarray(end + 1))
    try {
      return JSON.parse(Buffer.concat([seen, chunk.subarray(0, end)]).toString('utf8')) as unknown
    } catch (cause) {
      throw cutOff(cause)
    }
  }
}

export function headLine(value: object): string {
  return `${JSON.stringify(value)}\n`
}

/** Undefined: the stream has ended. */
async function nextChunk(stream: Readable): Promise<Buffer | undefined> {
  for (;;) {
    const chunk = stream.read() as Buffer | null
    if (chunk !== null) return chunk
    if (stream.readableEnded || stream.destroyed) return undefined
    const over = new AbortController()
    try {
      await Promise.race(
        ['readable', 'end', 'close'].map((name) => once(stream, name, { signal: over.signal })),
      )
    } finally {
      over.abort()
    }
  }
}

function cutOff(cause?: unknown): PypaasError {
  return new PypaasError('failed', 'the other side said nothing that pypaas understands', {
    ...(cause === undefined ? {} : { cause }),
    hint: 'both sides need a pypaas that knows `release --remote`',
  })
}
