/** Deploys of what is pulled, as one change of the app at a time: its releases share what is in its directory. */
import { pruneUnused } from '../apps/prune.ts'
import type { Context } from '../context.ts'
import { messageOf } from '../errors.ts'
import type { AppRef } from '../paths.ts'
import { withLock } from '../system/lock.ts'
import type { Output } from '../system/output.ts'

/**
 * Works under the lock of the app, as `deploy <app>` does, and then removes what no release uses any more. What the
 * former one alone uses goes with the next deploy: it is there for as long as the former one drains.
 * @param app undefined: it is no app, and there is nothing to share
 * @throws PypaasError `cancelled` on the signal
 */
export async function changingApp<T>(
  ctx: Context,
  app: AppRef | undefined,
  { output, signal }: { readonly output: Output; readonly signal: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  if (app === undefined) return work()
  const options = {
    what: `pull of ${app.app} ${app.target}`,
    now: ctx.now(),
    signal,
    onWait: () => output.line(`-----> Waiting for another change of ${app.app}`),
  }
  return withLock(ctx.paths.appLock(app.app), options, async () => {
    try {
      return await work()
    } finally {
      await pruneUnused(ctx, app).catch((error: unknown) => {
        ctx.log.warn({ ...app, error: messageOf(error) }, 'unused virtualenvs could not be removed')
      })
    }
  })
}
