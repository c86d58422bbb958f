/** From names that a user typed to what is configured, or to a message that helps. */
import { nearest } from '../config/suggest.ts'
import type { BranchConfig, RepoConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'

/** @throws PypaasError `usage`, or `config` if the repo's file is broken */
export function repoOf(ctx: Context, name: string): RepoConfig {
  const repo = ctx.config.repos.get(name)
  if (repo !== undefined) return repo
  const problem = ctx.config.problems.find(({ file }) =>
    new RegExp(`/repos?/${escape(name)}\\.yml$`).test(file),
  )
  if (problem !== undefined) {
    throw new PypaasError(
      'config',
      `the configuration of the repo ${name} has mistakes: ${problem.message}`,
      {
        where: `${problem.file}:${problem.line}:${problem.column}`,
        hint: '`pypaas check` on the host shows all of them',
      },
    )
  }
  throw new PypaasError('usage', `there is no repo ${JSON.stringify(name)}`, {
    hint: known('repos', name, [...ctx.config.repos.keys()]),
  })
}

/** @throws PypaasError as {@link repoOf} */
export function branchOf(ctx: Context, repoName: string, name: string): BranchConfig {
  const repo = repoOf(ctx, repoName)
  const branch = repo.branches.get(name)
  if (branch !== undefined) return branch
  throw new PypaasError('usage', `the repo ${repoName} has no branch ${JSON.stringify(name)}`, {
    hint: known('branches', name, [...repo.branches.keys()]),
  })
}

/** The branch that was named, all of a repo, or all there are. */
export function branchesOf(
  ctx: Context,
  repoName: string | undefined,
  name: string | undefined,
): BranchConfig[] {
  if (repoName === undefined)
    return [...ctx.config.repos.values()].flatMap(({ branches }) => [...branches.values()])
  if (name === undefined) return [...repoOf(ctx, repoName).branches.values()]
  return [branchOf(ctx, repoName, name)]
}

function known(what: string, name: string, names: readonly string[]): string {
  if (names.length === 0) return `no ${what} are configured`
  const meant = nearest(name, names)
  if (meant !== undefined) return `did you mean ${meant}?`
  return names.length > 20 ? '`list` shows all that there are' : `configured ${what}: ${names.join(', ')}`
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
