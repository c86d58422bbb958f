/** A file read in parts, by several at once, and still known as a whole. */
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

export interface Part {
  /** From 1. */
  readonly number: number
  /** In the buffer that was given. */
  readonly body: Buffer
}

export interface PartReader {
  /** The next part, as long as `buffer` but for the last one. Undefined: there is none. */
  readonly read: (buffer: Buffer) => Promise<Part | undefined>
  /** SHA-256 of all that was read, lower-case hex. Ends the reading. */
  readonly digest: () => string
}

/** Reads a file part after part, whoever asks; each part is read whole. */
export function inOrder(handle: FileHandle): PartReader {
  const hash = createHash('sha256')
  let number = 0
  let at = 0
  let last: Promise<unknown> = Promise.resolve()
  const readNext = async (buffer: Buffer): Promise<Part | undefined> => {
    let filled = 0
    while (filled < buffer.length) {
      const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, at + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    if (filled === 0) return undefined
    at += filled
    number++
    const body = buffer.subarray(0, filled)
    hash.update(body)
    return { number, body }
  }
  return {
    read: (buffer) => {
      const next = last.then(() => readNext(buffer))
      last = next.catch(() => {})
      return next
    },
    digest: () => hash.digest('hex'),
  }
}
