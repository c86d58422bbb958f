/** Versions of an app with a repo configuration: they go live through its runners, by the pipeline of every deploy. */
import type { BranchConfig } from '../config/types.ts'
import { lockBranch } from '../deploy/branch-lock.ts'
import type { Tree } from '../deploy/deploy.ts'
import { runDeploy } from '../deploy/pipeline.ts'
import { rollBack } from '../deploy/rollback.ts'
import { PypaasError } from '../errors.ts'
import type { BranchRef } from '../paths.ts'
import type { Release } from '../release.ts'
import { liveRelease, listReleases } from '../system/state.ts'
import type { Version } from './app-hooks.ts'
import type { Fetched } from './fetch.ts'
import { finish } from './finish.ts'
import { versionAt, type Install } from './install.ts'
import { prepareVersion } from './prepare.ts'
import { clearPending, writePending } from './records.ts'
import { sourceText, versionIn } from './source.ts'

/** Makes a fetched version the live release of the branch. */
export async function deployRelease(
  install: Install,
  branch: BranchConfig,
  version: string,
  artifact: string,
  fetched: Fetched,
): Promise<void> {
  const { ctx, app, by, output, signal } = install
  const { commit, subject } = fetched
  const source = sourceText(app, artifact, version)
  await underLock(install, branch, `install of ${source}`, async () => {
    const order = { kind: 'install' as const, branch, commit, subject, by }
    const tree = treeOf(install, version, source, fetched)
    await writePending(ctx.paths, app, { version, source })
    await runDeploy(ctx, { ...order, tree }, { output, signal }).catch(async (error: unknown) => {
      // Live all the same, it is for the next command to finish.
      if ((await liveRelease(ctx.paths, refOf(branch)))?.source !== source) await clearPending(ctx.paths, app)
      throw error
    })
    await finishRelease(install, branch)
  })
}

/** The files of a fetched version, as the pipeline takes them. */
function treeOf(install: Install, version: string, source: string, { files, wheels, commit }: Fetched): Tree {
  return {
    path: files,
    source,
    built: true,
    prepare(ctx, { path }, output, signal) {
      return prepareVersion(ctx, versionAt(install, version, { path, commit }), wheels, { output, signal })
    },
  }
}

/** Goes back to a kept release: the one that was live before the live one, or the newest of a version. */
export async function rollBackRelease(
  install: Install,
  branch: BranchConfig,
  version: string | undefined,
): Promise<void> {
  const { ctx, by, output, signal } = install
  await underLock(install, branch, `rollback of ${branch.repo} ${branch.branch}`, async () => {
    const release = version === undefined ? undefined : await releaseOf(install, refOf(branch), version)
    await rollBack(ctx, branch, release, { kind: 'rollback', by }, { output, signal })
    await finishRelease(install, branch)
  })
}

/** Runs the hook `deployed` of what is live, if that is a version of the app. The caller holds the branch's lock. */
export async function finishRelease(install: Install, branch: BranchConfig): Promise<void> {
  const live = await liveRelease(install.ctx.paths, refOf(branch))
  const version = versionIn(live?.source)
  if (live === undefined || version === undefined) await clearPending(install.ctx.paths, install.app)
  else await finish(install, versionOf(install, live, version))
}

function versionOf(install: Install, release: Release, version: string): Version {
  const path = install.ctx.paths.checkout(release, release.checkout)
  return versionAt(install, version, { path, commit: release.commit })
}

async function releaseOf({ ctx }: Install, ref: BranchRef, version: string): Promise<string> {
  const kept = (await listReleases(ctx.paths, ref)).filter(({ source }) => versionIn(source) === version)
  const newest = kept.at(-1)
  if (newest !== undefined) return newest.release
  throw new PypaasError('failed', `${ref.repo} ${ref.branch}: the version ${version} is not kept`, {
    hint: `\`deploy ${ref.repo} --list\` lists those that are kept; \`deploy ${ref.repo} --version …\` fetches one`,
  })
}

/** Holds the branch's lock: pushes to it wait. */
export async function underLock(
  { ctx, by, output, signal, wait }: Install,
  branch: BranchConfig,
  what: string,
  work: () => Promise<void>,
): Promise<void> {
  const held = await lockBranch(ctx, refOf(branch), `${what} by ${by}`, { output, signal, wait })
  try {
    await work()
  } finally {
    await held.release()
  }
}

export function refOf({ repo, branch }: BranchConfig): BranchRef {
  return { repo, branch }
}
