/** What takes how much of the disk. */
import { statfs } from 'node:fs/promises'
import { measureHome } from '../deploy/size.ts'
import type { Invocation } from './command.ts'
import { bytes, table } from './text.ts'

export async function run({ ctx, json, out }: Invocation): Promise<number> {
  const parts = await measureHome(ctx)
  const { bavail, bsize } = await statfs(ctx.paths.home)
  const total = parts.reduce((sum, part) => sum + part.bytes, 0)
  const free = bavail * bsize
  const { max, minFree } = ctx.config.main.disk
  if (json) {
    out.line(JSON.stringify({ parts, total, free, max, minFree }, null, 2))
    return 0
  }
  const rows = parts
    .filter((part) => part.bytes > 0)
    .toSorted((a, b) => b.bytes - a.bytes)
    .map((part) => [bytes(part.bytes), part.what, part.of])
  for (const line of table([...rows, [bytes(total), 'in all', `of at most ${bytes(max)} (disk: {max: …})`]]))
    out.line(line)
  out.line(`${bytes(free)} are free; a deploy needs ${bytes(minFree)} (disk: {min_free: …})`)
  return 0
}
