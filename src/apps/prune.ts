/** Removes versions beyond what is kept, and the virtualenvs that only they used. Never what is live. */
import type { Context } from '../context.ts'
import type { AppRef } from '../paths.ts'
import { listBranches } from '../system/state.ts'
import type { Install } from './install.ts'
import { listInstalled, liveVersion, removeInstalled, type Installed } from './records.ts'
import { pruneVirtualenvs } from './virtualenv.ts'

/** The caller holds the app's lock. */
export async function pruneApp({ ctx, app }: Install): Promise<void> {
  const { keep } = ctx.config.main.releases
  const live = await liveVersion(ctx.paths, app)
  for (const version of planPruning(await listInstalled(ctx.paths, app), live, keep)) {
    await removeInstalled(ctx.paths, app, version)
  }
  await pruneUnused(ctx, app)
}

/** Virtualenvs that neither a version nor a release of any branch uses. The caller holds the app's lock. */
export async function pruneUnused(ctx: Context, app: AppRef): Promise<void> {
  // Several branches may pull the same app.
  const checkouts = (await listBranches(ctx.paths)).map((ref) => ctx.paths.checkoutsOf(ref))
  await pruneVirtualenvs(ctx, app, [ctx.paths.app(app).versions, ...checkouts])
}

/**
 * Versions that go. Pure. The `keep` that were deployed last stay, what is live, and what a rollback of it goes to.
 * @param installed in the order in which they were deployed
 */
export function planPruning(
  installed: readonly Installed[],
  live: string | undefined,
  keep: number,
): string[] {
  const former = installed.find(({ version }) => version === live)?.former
  const newest = new Set(installed.slice(-keep).map(({ version }) => version))
  return installed
    .map(({ version }) => version)
    .filter((version) => !newest.has(version) && version !== live && version !== former)
}
