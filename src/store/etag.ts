/** What tells two contents of a file apart. */
import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { readFile } from 'node:fs/promises'

/** Bytes up to which the content itself is looked at: documents, whose writers compare. */
const SMALL = 64 * 1024

/**
 * Differs whenever the content does. Time stamps alone would not: those of the kernel advance in steps of
 * milliseconds, and the number of a removed file is used again.
 */
export async function etagOf(path: string, file: BigIntStats): Promise<string> {
  if (file.size > SMALL) return `${file.ino}-${file.size}-${file.mtimeNs}`
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
    .slice(0, 32)
}
