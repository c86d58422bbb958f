/** What makes unpacked files fit for this host before they are live: virtualenv, configuration files, the app's hook. */
import type { Context } from '../context.ts'
import { runAppHooks, type HookRun, type Version } from './app-hooks.ts'
import { renderAppTemplates } from './app-templates.ts'
import { linkVirtualenv } from './virtualenv.ts'

/**
 * Each step can be done once more on files that have had it.
 * @param wheels directory of the Python packages that came with the artifact
 */
export async function prepareVersion(
  ctx: Context,
  version: Version,
  wheels: string | undefined,
  run: HookRun & { readonly signal: AbortSignal },
): Promise<void> {
  await linkVirtualenv(ctx, version, wheels, run)
  const written = await renderAppTemplates(version)
  if (written.length > 0) run.output.line(`rendered ${written.join(', ')}`)
  await runAppHooks(ctx, version, 'prepare', run)
}
