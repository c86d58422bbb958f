/** The formats of archives: by name for those that are made, by content for those that are read. */
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { PypaasError } from '../errors.ts'

export const FORMATS = ['tar.gz', 'tar.bz2', 'tar', 'zip', 'dir'] as const
/** `dir` is no archive: the tree as it is. */
export type Format = (typeof FORMATS)[number]
export type ArchiveFormat = Exclude<Format, 'dir'>

/** @throws PypaasError `usage` */
export function parseFormat(text: string): Format {
  const format = FORMATS.find((each) => each === text)
  if (format !== undefined) return format
  throw new PypaasError('usage', `there is no format ${JSON.stringify(text)}`, {
    hint: `formats: ${FORMATS.join(', ')}`,
  })
}

/** Bytes of a block of tar (tar(5)). */
const BLOCK = 512

/**
 * What a file is, whatever it is called.
 * @throws PypaasError `failed` if it is none of our formats
 */
export async function formatOf(file: string): Promise<ArchiveFormat> {
  const head = await firstBytes(file, BLOCK)
  if (head[0] === 0x1f && head[1] === 0x8b) return 'tar.gz'
  if (head.subarray(0, 3).toString('latin1') === 'BZh') return 'tar.bz2'
  // A local file header, or the end of an archive without files (APPNOTE 4.3.7, 4.3.16).
  if (['PK\u0003\u0004', 'PK\u0005\u0006'].includes(head.subarray(0, 4).toString('latin1'))) return 'zip'
  if (head.length === BLOCK && isTarHeader(head)) return 'tar'
  throw new PypaasError('failed', `${basename(file)} is no archive that pypaas can read`, {
    where: file,
    hint: 'tar, tar.gz, tar.bz2 and zip can be read',
  })
}

/** By the checksum, which every kind of tar has had; an empty archive begins with zeros (tar(5)). */
function isTarHeader(block: Buffer): boolean {
  if (block.every((byte) => byte === 0)) return true
  const stated = Number.parseInt(block.subarray(148, 156).toString('latin1').trim(), 8)
  const sum = block.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 0x20 : byte), 0)
  return sum === stated
}

async function firstBytes(path: string, count: number): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
