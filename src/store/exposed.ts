/** Files with keys that everybody on the host can read. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.ts'

/** Bit of a mode: others may read (chmod(2)). */
const OTHERS_READ = 0o004

/** What is to be done about it, in words. The keys work all the same: the operator may be the only user. */
export async function exposedKeys(ctx: Context): Promise<string[]> {
  const files = [
    join(ctx.paths.home, '.amazon', 'account-key'),
    ...(ctx.config.main.artifacts?.s3.secretKey === undefined ? [] : [join(ctx.config.dir, 'pypaas.yml')]),
  ]
  const modes = await Promise.all(files.map(async (file) => (await stat(file).catch(() => undefined))?.mode))
  return files
    .filter((_, at) => ((modes[at] ?? 0) & OTHERS_READ) !== 0)
    .map((file) => `everybody on this host can read the keys of S3 in ${file}; \`chmod o-r\` it`)
}
