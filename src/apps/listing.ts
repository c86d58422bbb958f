/** Which versions of an app this host has. */
import type { BranchConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import type { AppRef } from '../paths.ts'
import { listReleases, liveReleaseName } from '../system/state.ts'
import { listInstalled, liveVersion } from './records.ts'
import { refOf } from './runners.ts'
import { versionIn } from './source.ts'

/** A version that can be gone back to, or is live. */
export interface KeptVersion {
  readonly version: string
  readonly live: boolean
  readonly commit: string
  readonly subject: string
  readonly by: string
  /** ISO 8601, UTC. */
  readonly deployed: string
}

/**
 * Newest deploy first; for an app with runners, those of its branch's releases that are versions.
 * @param branch as in `Install`
 */
export async function keptVersions(
  { paths }: Context,
  app: AppRef,
  branch: BranchConfig | undefined,
): Promise<KeptVersion[]> {
  if (branch === undefined) {
    const live = await liveVersion(paths, app)
    const installed = await listInstalled(paths, app)
    return installed.toReversed().map(({ version, commit, subject, by, deployed }) => ({
      version,
      live: version === live,
      commit,
      subject,
      by,
      deployed,
    }))
  }
  const live = await liveReleaseName(paths, refOf(branch))
  const releases = await listReleases(paths, refOf(branch))
  return releases.toReversed().flatMap(({ release, source, commit, subject, by, created }) => {
    const version = versionIn(source)
    return version === undefined
      ? []
      : [{ version, live: release === live, commit, subject, by, deployed: created }]
  })
}
