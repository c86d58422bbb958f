/** The configuration of the host, read from its directory. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hasErrno } from '../errors.ts'
import { writeCache, type CachedFile } from './cache.ts'
import { deepFreeze } from './freeze.ts'
import { isStandIn } from './mend.ts'
import { normalizeDomain, normalizeMain, normalizeRepo } from './normalize.ts'
import type { Position } from './position.ts'
import { rules, type Definition, type Definitions, type FileFinding } from './rules.ts'
import type { RawDomain, RawMain, RawRepo } from './schema.ts'
import { listSources, readSources, unreadable, type Source } from './sources.ts'
import type { Config, MainConfig, Problem, RepoConfig } from './types.ts'

export interface LoadOptions {
  /** Where the parsed files are kept between commands. Undefined: every file is parsed. */
  readonly cacheFile?: string
  /** Tells builds of pypaas apart, so that none uses the cache of another. */
  readonly build?: string
}

/**
 * The first directory that holds `pypaas.yml`.
 * @throws PypaasError `config` for a directory that must not be looked into
 */
export async function findConfigDir(candidates: readonly string[]): Promise<string | undefined> {
  for (const dir of candidates) {
    try {
      await stat(join(dir, 'pypaas.yml'))
      return dir
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'ENOTDIR')) throw unreadable(dir, error)
    }
  }
  return undefined
}

/**
 * Reads `pypaas.yml`, `repos/*.yml`, `repo/*.yml` and `domains/*.yml`. What is
 * wrong in them is in `problems`, never thrown: a file with a problem defines
 * nothing, all others stand. Of a `pypaas.yml` with problems the keys that are
 * right are used, and defaults for the others; `requireMain` is for commands
 * that must not act on that. The result is deeply frozen.
 * @throws PypaasError `config` if a directory cannot be read
 */
export async function loadConfig(dir: string, options: LoadOptions = {}): Promise<Config> {
  const { cacheFile, build = '' } = options
  const sources = listSources(dir)
  const contents = await readSources(sources, cacheFile, build)
  const definitions = define(sources, contents.byFile)
  const found = rules
    .flatMap((rule) => rule(definitions))
    .filter((finding) => isReal(finding, contents.byFile))
  const looked = await placeAll(found, contents.byFile)
  if (cacheFile !== undefined && (contents.changed || looked)) {
    await writeCache(cacheFile, build, contents.settled)
  }

  const problems = [
    ...sources.flatMap(({ file }) => ownProblems(file, contents.byFile)),
    ...found.map((finding) => problemOf(finding, contents.byFile)),
  ]
  const disabled = new Set(problems.filter(({ disables }) => disables !== false).map(({ file }) => file))
  const standing = <T>(all: readonly Definition<T>[]) => all.filter(({ file }) => !disabled.has(file))
  const repos = standing(definitions.repos).map(({ value }) => value)
  const domains = standing(definitions.domains).map(({ name, value }) => normalizeDomain(name, value))
  return deepFreeze({
    dir,
    main: normalizeMain(contents.byFile.get(join(dir, 'pypaas.yml'))?.value as RawMain | undefined),
    repos: new Map(repos.map((repo) => [repo.name, repo])),
    domains: new Map(domains.map((domain) => [domain.name, domain])),
    problems: inOrder(sources, problems),
  })
}

/** What the files define, as far as `rules.ts` can use it. */
function define(sources: readonly Source[], byFile: ReadonlyMap<string, CachedFile>): Definitions {
  let mainFile = ''
  let main: MainConfig | undefined
  const repos: Definition<RepoConfig>[] = []
  const domains: Definition<RawDomain>[] = []
  const brokenRepos = new Set<string>()
  for (const { kind, name, file } of sources) {
    const { value, problems } = byFile.get(file) ?? { value: undefined, problems: [] }
    const isRight = problems.length === 0
    if (kind === 'main') {
      mainFile = file
      if (isRight) main = normalizeMain(value as RawMain)
    } else if (kind === 'repo') {
      if (isRight) repos.push({ name, file, value: normalizeRepo(name, value as RawRepo) })
      else brokenRepos.add(name)
    } else if (value !== undefined) {
      domains.push({ name, file, value: value as RawDomain })
    }
  }
  return { mainFile, main, repos, domains, brokenRepos }
}

/** Whether a finding is about what the file says, not about what stands in for it. */
function isReal({ file, path }: FileFinding, byFile: ReadonlyMap<string, CachedFile>): boolean {
  return !isStandIn(byFile.get(file)?.standIns ?? [], path)
}

function ownProblems(file: string, byFile: ReadonlyMap<string, CachedFile>): Problem[] {
  return (byFile.get(file)?.problems ?? []).map((problem) => ({ file, ...problem }))
}

/**
 * Sees to it that the place of every finding is known: the files that hold one
 * are parsed for that once, not again by each command until they are mended.
 * Returns whether any had to be.
 */
async function placeAll(
  findings: readonly FileFinding[],
  byFile: ReadonlyMap<string, CachedFile>,
): Promise<boolean> {
  let looked = false
  for (const finding of findings) {
    const places = byFile.get(finding.file)?.places
    if (places === undefined || placeKey(finding) in places) continue
    const { locate } = await import('./parse.ts')
    places[placeKey(finding)] = locate(await readFile(finding.file), finding)
    looked = true
  }
  return looked
}

function placeKey({ path, at }: FileFinding): string {
  return JSON.stringify([at, ...path])
}

function problemOf(finding: FileFinding, byFile: ReadonlyMap<string, CachedFile>): Problem {
  const start: Position = { line: 1, column: 1 }
  const place = byFile.get(finding.file)?.places[placeKey(finding)] ?? start
  const problem = { file: finding.file, ...place, message: finding.message }
  return finding.disables === undefined ? problem : { ...problem, disables: finding.disables }
}

/** File by file in the order in which they are read, and by line within each. */
function inOrder(sources: readonly Source[], problems: readonly Problem[]): Problem[] {
  const rank = new Map(sources.map(({ file }, index) => [file, index]))
  const rankOf = ({ file }: Problem): number => rank.get(file) ?? 0
  return problems.toSorted(
    (one, other) => rankOf(one) - rankOf(other) || one.line - other.line || one.column - other.column,
  )
}
