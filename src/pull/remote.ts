/** One look at any kind of remote. */
import { createHash } from 'node:crypto'
import type { Remote } from '../config/remote.ts'
import type { Context } from '../context.ts'
import type { Look, LookOptions } from './look.ts'

/**
 * Asks the remote what there is, and fetches it if it is new.
 * @throws PypaasError `failed` if it cannot be reached or fetched, `cancelled`
 */
export async function lookAt(ctx: Context, remote: Remote, options: LookOptions): Promise<Look> {
  if (remote.kind === 'git') return (await import('./git.ts')).lookAtGit(ctx, remote, options)
  if (remote.kind === 'http') return (await import('./http.ts')).lookAtHttp(ctx, remote, options)
  if (remote.kind === 's3') return (await import('./s3.ts')).lookAtS3(ctx, remote, options)
  return (await import('./artifact.ts')).lookAtArtifact(ctx, remote, options)
}

/** Names a remote in records: equal for equal remotes, without secrets. */
export function identityOf(remote: Remote): string {
  if (remote.kind !== 'http' || !remote.url.includes('?')) return remote.shown
  // The query is not shown, but tells remotes apart.
  return `${remote.shown} ${createHash('sha256').update(remote.url).digest('hex').slice(0, 16)}`
}
