/**
 * Which definitions are absent from a configuration because their files have
 * problems. They are still meant to be there: what runs or is shown because of
 * them is left alone (by `cleanup`, by nginx's files) until the file is mended.
 */
import { basename, dirname, join } from 'node:path'
import { PypaasError } from '../errors.ts'
import { domainIdentity } from './naming.ts'
import { problemText } from './report.ts'
import type { Config, Problem } from './types.ts'

/** Names of repos that a file with problems defines. */
export function brokenRepos(config: Config): Set<string> {
  return new Set(brokenNames(config, ['repos', 'repo']))
}

/** Names of domains that a file with problems defines, as {@link Config.domains} would have them. */
export function brokenDomains(config: Config): Set<string> {
  return new Set(brokenNames(config, ['domains']).map((name) => domainIdentity(name)))
}

function brokenNames({ dir, problems }: Config, folders: readonly string[]): string[] {
  const directories = folders.map((folder) => join(dir, folder))
  return problems
    .filter((problem) => problem.disables !== false && directories.includes(dirname(problem.file)))
    .map(({ file }) => basename(file, '.yml'))
}

/** What makes `pypaas.yml` unfit to act on; empty if it is fit. */
export function mainProblems({ dir, problems }: Config): Problem[] {
  const file = join(dir, 'pypaas.yml')
  return problems.filter((problem) => problem.file === file && problem.disables !== false)
}

/**
 * For commands that change what runs: with a `pypaas.yml` that has problems they
 * would act on defaults that nobody chose (another nginx, other ports).
 * @throws PypaasError `config` with the problems
 */
export function requireMain(config: Config): void {
  const problems = mainProblems(config)
  const [first] = problems
  if (first === undefined) return
  throw new PypaasError('config', `pypaas.yml has ${count(problems.length)}: ${first.message}`, {
    where: `${first.file}:${first.line}:${first.column}`,
    hint: 'Mend it, look with `pypaas check`, and try again. What is live goes on running.',
    output: problems.map(problemText),
  })
}

function count(problems: number): string {
  return problems === 1 ? 'a problem' : `${problems} problems`
}
