/** Files with keys that everybody on the host can read. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.ts'

/** Bit of a mode: others may read (chmod(2)). */
const OTHERS_READ = 0o004

/** Says so in the log. They work all the same: the operator may be the only user. */
export async function warnOfExposedKeys(ctx: Context): Promise<void> {
  const files = [
    join(ctx.paths.home, '.amazon', 'account-key'),
    ...(ctx.config.main.artifacts?.s3.secretKey === undefined ? [] : [join(ctx.config.dir, 'pypaas.yml')]),
  ]
  for (const file of files) {
    const mode = (await stat(file).catch(() => undefined))?.mode ?? 0
    if ((mode & OTHERS_READ) !== 0) {
      ctx.log.warn({ file }, 'everybody on this host can read the keys of S3 in it; `chmod o-r` it')
    }
  }
}
