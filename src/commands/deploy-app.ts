/** Installs an app from the repository of artifacts: `deploy <app>`; goes back; lists what is kept; removes it. */
import { deployApp, rollBackApp, uninstallApp } from '../apps/deploy.ts'
import { keptVersions } from '../apps/listing.ts'
import type { Install } from '../apps/install.ts'
import { liveVersion } from '../apps/records.ts'
import { usualArtifact } from '../apps/source.ts'
import { brokenRepos } from '../config/broken.ts'
import type { BranchConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import { messageOf, PypaasError } from '../errors.ts'
import { reportGone } from '../fleet/report.ts'
import type { AppRef } from '../paths.ts'
import { reportBranch, reportTree } from '../pull/fleet-report.ts'
import { openArtifacts } from '../store/open.ts'
import { checkName, DEFAULT_TARGET } from '../store/versions.ts'
import { tee } from '../system/output.ts'
import { textOf } from './artifact/options.ts'
import type { Invocation } from './command.ts'
import { branchOf } from './lookup.ts'
import { table } from './text.ts'
import { waitOf } from './wait.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { ctx, session, args, options, json, out, err } = invocation
  const app = { app: args[0] ?? '', target: textOf(options, 'target') ?? DEFAULT_TARGET }
  checkName('app', app.app)
  checkName('target', app.target)
  const version = textOf(options, 'version')
  if (version !== undefined) checkName('version', version)
  const branch = runnersOf(ctx, app)
  const [isList, isRollback, isRemoval] = ['list', 'rollback', 'remove'].map((name) => options[name] === true)
  checkAlone('--list', isList, isRollback || isRemoval || version !== undefined)
  checkAlone('--remove', isRemoval, isRollback || version !== undefined)
  if (isList) return list(invocation, app, branch)
  const said = json ? err : out
  const install = {
    ctx,
    app,
    branch,
    by: session.who,
    output: session.watch === undefined ? said : tee(said, session.watch),
    signal: session.signal,
    wait: waitOf(options),
  }
  try {
    if (isRemoval) await uninstallApp(install)
    else if (isRollback) await rollBackApp(install, version)
    else {
      const artifact = textOf(options, 'artifact') ?? usualArtifact(app.app)
      await deployApp(install, await openArtifacts(ctx), { artifact, version })
    }
  } finally {
    // Also what failed after it was live has left a former release to be ended.
    if (branch !== undefined) session.settleLater({ repo: branch.repo, branch: branch.branch })
    await reportInstalled(install)
  }
  if (json) {
    const live = (await keptVersions(ctx, app, branch)).find((kept) => kept.live)
    out.line(JSON.stringify(live ?? null, null, 2))
  }
  return 0
}

function checkAlone(option: string, given: boolean | undefined, others: boolean): void {
  if (given !== true || !others) return
  throw new PypaasError('usage', `${option} stands alone`, {
    hint: '--list shows what is kept, --remove takes all of it away',
  })
}

/** Tells the fleet at once: what is live is not removed from the repository. That it cannot be told fails nothing. */
async function reportInstalled({ ctx, app, branch, output }: Install): Promise<void> {
  try {
    if (branch !== undefined) return await reportBranch(ctx, { repo: branch.repo, branch: branch.branch })
    const live = await liveVersion(ctx.paths, app)
    await (live === undefined ? reportGone(ctx, app) : reportTree(ctx, app, live))
  } catch (error) {
    output.line(` !     the fleet has not been told: ${messageOf(error)}`)
    ctx.log.warn({ ...app, error: messageOf(error) }, 'the fleet has not been told what is live')
  }
}

/**
 * The branch whose runners the app goes live through; undefined: it has no repo configuration, and is just files.
 * @throws PypaasError if there is a configuration, but not of this target, or it is broken
 */
function runnersOf(ctx: Context, { app, target }: AppRef): BranchConfig | undefined {
  if (!ctx.config.repos.has(app) && !brokenRepos(ctx.config).has(app)) return undefined
  try {
    return branchOf(ctx, app, target)
  } catch (error) {
    const branches = [...(ctx.config.repos.get(app)?.branches.values() ?? [])]
    if (!(error instanceof PypaasError) || error.code !== 'usage') throw error
    const pulling = branches.find(
      ({ source }) =>
        source?.remote.kind === 'artifact' && source.remote.app === app && source.remote.target === target,
    )
    throw new PypaasError('usage', `${error.message}, as which the target ${target} would go live`, {
      hint:
        pulling === undefined
          ? `give --target with one of: ${branches.map(({ branch }) => branch).join(', ')}`
          : `its branch ${pulling.branch} pulls it by itself; \`pull ${app} ${pulling.branch}\` looks now`,
      cause: error,
    })
  }
}

async function list(
  { ctx, json, out }: Invocation,
  app: AppRef,
  branch: BranchConfig | undefined,
): Promise<number> {
  const kept = await keptVersions(ctx, app, branch)
  if (json) {
    out.line(JSON.stringify(kept, null, 2))
    return 0
  }
  if (kept.length === 0) out.line(`no version of ${app.app} ${app.target} is on this host`)
  const rows = kept.map(({ live, version, commit, by, deployed, subject }) => [
    live ? '*' : ' ',
    version,
    commit.slice(0, 11),
    by,
    deployed,
    subject,
  ])
  for (const line of table(rows)) out.line(line)
  return 0
}
