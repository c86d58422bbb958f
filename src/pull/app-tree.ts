/** What was unpacked, as a deploy takes it: an artifact's app with what makes it fit for this host, or files as they are. */
import { contentsOf, type AskedFor } from '../apps/contents.ts'
import { runAppHooks, type Version } from '../apps/app-hooks.ts'
import { versionAt } from '../apps/install.ts'
import { prepareVersion } from '../apps/prepare.ts'
import { sourceText, usualArtifact } from '../apps/source.ts'
import { readInfo, subjectOf } from '../artifact/info.ts'
import type { Remote } from '../config/remote.ts'
import type { BranchConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import type { Tree } from '../deploy/deploy.ts'
import { messageOf } from '../errors.ts'
import type { AppRef } from '../paths.ts'
import type { Output } from '../system/output.ts'
import type { News } from './look.ts'

export interface AppTree {
  readonly commit: string
  readonly subject: string
  readonly tree: Tree
  /** What it is a version of; undefined: they are files of nothing that is known here. */
  readonly app: AppRef | undefined
  /** To be done when it is live, in its checkout; never throws, for nothing is changed any more. */
  deployed(checkout: string, run: { readonly output: Output }): Promise<void>
}

/**
 * @param directory what {@link News.place} has filled
 * @throws PypaasError if an artifact is not what its description says, or not for this system
 */
export async function appTree(
  ctx: Context,
  branch: BranchConfig,
  remote: Remote,
  news: News,
  directory: string,
): Promise<AppTree> {
  const source = sourceOf(remote, news)
  if (remote.kind !== 'artifact' && (await readInfo(directory)) === undefined) {
    const tree = { path: directory, source, built: false }
    const { commit, subject } = news
    return { commit, subject, tree, app: undefined, deployed: () => Promise.resolve() }
  }
  const { files, wheels, info } = await contentsOf(directory, askedFor(remote, news))
  const commit = info?.commit.slice(0, 40) ?? news.commit
  const { app, target } = remote.kind === 'artifact' ? remote : { app: branch.repo, target: branch.branch }
  const version = (path: string): Version =>
    versionAt({ ctx, app: { app, target }, branch }, info?.version ?? news.name, { path, commit })
  return {
    commit,
    subject: subjectOf(info) ?? news.subject,
    app: { app, target },
    tree: {
      path: files,
      source,
      built: true,
      prepare: (marked, { path }, output, signal) =>
        prepareVersion(marked, version(path), wheels, { output, signal }),
    },
    async deployed(checkout, { output }) {
      try {
        await runAppHooks(ctx, version(checkout), 'deployed', { output })
      } catch (error) {
        output.line(` !     ${messageOf(error)}; it is live all the same`)
        ctx.log.warn({ repo: branch.repo, branch: branch.branch, error: messageOf(error) }, 'a hook failed')
      }
    },
  }
}

function askedFor(remote: Remote, { name }: News): AskedFor | undefined {
  if (remote.kind !== 'artifact') return undefined
  return { app: remote.app, artifact: remote.artifact ?? usualArtifact(remote.app), version: name }
}

/** How the release says where it came from. */
export function sourceOf(remote: Remote, { name }: News): string {
  if (remote.kind !== 'artifact') return `${remote.shown}@${name}`
  return sourceText(remote, remote.artifact ?? usualArtifact(remote.app), name)
}
