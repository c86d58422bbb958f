/** Archives that no packer would make, entry by entry. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { crc32 } from 'node:zlib'
import { pack, type Header } from 'tar-stream'
import { temporaryDirectory } from '../support/context.ts'

export type TarEntry = Partial<Header> & { readonly name: string; readonly content?: string }

/** A tar with just these entries, in this order. Returns its path. */
export async function tarWith(entries: readonly TarEntry[]): Promise<string> {
  const archive = pack()
  for (const { content, ...header } of entries) {
    if (content === undefined) archive.entry({ ...header, size: 0 })
    else archive.entry(header, content)
  }
  archive.finalize()
  return written('made.tar', await buffer(archive))
}

export interface ZipEntry {
  readonly name: string
  readonly content?: string
  /** As stat(2) has it, type included; default: a file. */
  readonly mode?: number
  /** Default: that of the content. */
  readonly crc?: number
}

/** A zip with just these entries, stored (APPNOTE 4.3.7, 4.3.12, 4.3.16). Returns its path. */
export async function zipWith(entries: readonly ZipEntry[]): Promise<string> {
  const local: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const { name, content = '', mode = 0o100644, crc } of entries) {
    const path = Buffer.from(name)
    const data = Buffer.from(content)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(0x0800, 2)
    // 1980-01-01.
    common.writeUInt16LE(0x21, 8)
    common.writeUInt32LE(crc ?? crc32(data), 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(data.length, 18)
    common.writeUInt16LE(path.length, 22)
    const header = Buffer.concat([Buffer.from('PK\u0003\u0004'), common, path, data])
    const attributes = Buffer.alloc(14)
    attributes.writeUInt32LE((mode << 16) >>> 0, 6)
    attributes.writeUInt32LE(offset, 10)
    const madeBy = Buffer.from([20, 3])
    central.push(Buffer.concat([Buffer.from('PK\u0001\u0002'), madeBy, common, attributes, path]))
    local.push(header)
    offset += header.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(entries.length, 4)
  end.writeUInt16LE(entries.length, 6)
  end.writeUInt32LE(directory.length, 8)
  end.writeUInt32LE(offset, 12)
  return written('made.zip', Buffer.concat([...local, directory, Buffer.from('PK\u0005\u0006'), end]))
}

async function written(name: string, content: Buffer): Promise<string> {
  const path = join(await temporaryDirectory(), name)
  await writeFile(path, content)
  return path
}
