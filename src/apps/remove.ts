/** Takes an app without runners off this host. */
import { rm } from 'node:fs/promises'
import { PypaasError } from '../errors.ts'
import type { Install } from './install.ts'
import { listInstalled, liveVersion, removeInstalled } from './records.ts'

/**
 * Everything of the app and target goes: `live` first, so that nobody meets half of a version there.
 * The caller holds the app's lock. What is cut short is done by the next removal.
 * @throws PypaasError `usage` if the app goes live through runners; `failed` if nothing of it is here
 */
export async function removeApp({ ctx, app, branch, output }: Install): Promise<void> {
  if (branch !== undefined) {
    throw new PypaasError('usage', `${app.app} ${app.target} goes live through the runners of its repo`, {
      hint: `take the branch out of repos/${branch.repo}.yml and run \`pypaas cleanup\``,
    })
  }
  const { root, live } = ctx.paths.app(app)
  const installed = await listInstalled(ctx.paths, app)
  if (installed.length === 0 && (await liveVersion(ctx.paths, app)) === undefined) {
    throw new PypaasError('failed', `no version of ${app.app} ${app.target} is on this host`)
  }
  await rm(live, { force: true })
  for (const { version } of installed) await removeInstalled(ctx.paths, app, version)
  await rm(root, { recursive: true, force: true })
  output.line(`removed ${app.app} ${app.target}: ${installed.map(({ version }) => version).join(', ')}`)
}
