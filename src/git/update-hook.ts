/** Which ref updates of a push are taken at all, decided before any work. Pure. */
import type { BranchConfig, RepoConfig } from '../config/types.ts'
import { PypaasError } from '../errors.ts'
import type { RefUpdate } from './transport.ts'

const BRANCHES = 'refs/heads/'

/**
 * The configured branch that an update is for.
 * @throws PypaasError `denied` for tags and other refs, branches that are not configured or are pulled, and deletion
 */
export function branchOfUpdate(repo: RepoConfig, { ref, to }: RefUpdate): BranchConfig {
  const configured = [...repo.branches.keys()].join(', ')
  if (!ref.startsWith(BRANCHES)) {
    const kind = ref.startsWith('refs/tags/') ? `the tag ${ref.slice('refs/tags/'.length)}` : ref
    throw new PypaasError('denied', `${kind} is not taken: only branches are deployed`, {
      hint: `push a branch: ${configured}`,
    })
  }
  const name = ref.slice(BRANCHES.length)
  const branch = repo.branches.get(name)
  const deleted = /^0+$/.test(to)
  if (branch === undefined && deleted) {
    throw new PypaasError('denied', `the branch ${name} of ${repo.name} cannot be deleted by a push`, {
      hint: `it is not configured, so that nothing is deployed of it; \`git branch -D ${name}\` in the repository on the host removes it`,
    })
  }
  if (branch === undefined) {
    const example = [...repo.branches.keys()][0]
    throw new PypaasError(
      'denied',
      `the branch ${name} of ${repo.name} is not configured; configured: ${configured}`,
      {
        hint: `push to a configured branch (git push <remote> ${name}:${example}), or add ${name} to repos/${repo.name}.yml on the host`,
      },
    )
  }
  if (deleted) {
    throw new PypaasError('denied', `the branch ${name} is configured and cannot be deleted by a push`, {
      hint: `remove it from repos/${repo.name}.yml on the host, then run \`pypaas cleanup\` there`,
    })
  }
  if (branch.source !== undefined) {
    throw new PypaasError(
      'denied',
      `the branch ${name} of ${repo.name} is pulled from ${branch.source.remote.shown} and takes no pushes`,
      { hint: `push it there, or remove \`source\` from repos/${repo.name}.yml on the host` },
    )
  }
  return branch
}
