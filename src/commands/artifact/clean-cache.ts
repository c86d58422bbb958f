/** Removes what builds of artifacts keep for the next one. */
import { cleanCache } from '../../artifact/cache.ts'
import type { Invocation } from '../command.ts'
import { bytes } from '../text.ts'

export async function run({ ctx, json, out }: Invocation): Promise<number> {
  const freed = await cleanCache(ctx)
  out.line(json ? JSON.stringify({ freed }, null, 2) : `${bytes(freed)} freed`)
  return 0
}
