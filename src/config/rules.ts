/**
 * Rules that need several files. Each is a function from the configuration to
 * the mistakes that it finds. Pure; the places are given line and column later.
 */
import { atKey, atValue, withPath, type Finding } from './finding.ts'
import { domainIdentity } from './naming.ts'
import type { RawDomain } from './schema.ts'
import { listed, suggestion } from './suggest.ts'
import type { MainConfig, RepoConfig } from './types.ts'

/** A finding and the file that it is in. */
export interface FileFinding extends Finding {
  readonly file: string
  /** False: only reported; what the file defines stands. */
  readonly disables?: false
}

/** A file that defines something. */
export interface Definition<T> {
  readonly name: string
  readonly file: string
  readonly value: T
}

export interface Definitions {
  readonly mainFile: string
  /** Undefined: `pypaas.yml` has problems of its own. */
  readonly main: MainConfig | undefined
  /** Those without problems of their own. */
  readonly repos: readonly Definition<RepoConfig>[]
  /** All whose content is known, also with problems, so that these are reported with the others. */
  readonly domains: readonly Definition<RawDomain>[]
  /** Repos whose files have problems: what is in them is not known. */
  readonly brokenRepos: ReadonlySet<string>
}

/** A repo can be defined in `repos/` or in `repo/`, not in both. */
export function reposAreDefinedOnce({ repos }: Definitions): FileFinding[] {
  const former = new Map<string, string>()
  return repos.flatMap(({ name, file }) => {
    const other = former.get(name)
    former.set(name, file)
    if (other === undefined) return []
    return [
      { file, ...atKey([], `the repo \`${name}\` is defined in ${other} too; remove one of the two files`) },
    ]
  })
}

/** To nginx `Example.com` and `example.com.` are one name. The first file keeps it. */
export function domainsAreClaimedOnce({ domains }: Definitions): FileFinding[] {
  const former = new Map<string, string>()
  return domains.flatMap(({ name, file }) => {
    const identity = domainIdentity(name)
    const other = former.get(identity)
    if (other === undefined) {
      former.set(identity, file)
      return []
    }
    return [
      {
        file,
        ...atKey([], `the domain \`${identity}\` is defined in ${other} too; remove one of the two files`),
      },
    ]
  })
}

type RawRef = RawDomain['locations'][string]['upstream']

/** What a location shows has to exist and to be something that nginx can show. */
export function locationsPointAtRunners({ domains, repos, brokenRepos }: Definitions): FileFinding[] {
  const byName = new Map(repos.map(({ name, value }) => [name, value]))
  const findings: FileFinding[] = []
  for (const { file, value } of domains) {
    for (const [key, location] of Object.entries(value.locations)) {
      for (const kind of ['upstream', 'maintenance_upstream'] as const) {
        const ref = location[kind]
        if (ref === undefined || brokenRepos.has(ref.repo) || isShown(ref, byName)) continue
        findings.push({ file, ...refMistake(['locations', key, kind], ref, byName) })
      }
    }
  }
  return findings
}

function isShown(ref: RawRef, repos: ReadonlyMap<string, RepoConfig>): boolean {
  const runner = repos.get(ref.repo)?.branches.get(ref.branch)?.runners.get(ref.runner)
  return runner !== undefined && runner.type !== 'SimpleProcess'
}

function refMistake(path: readonly string[], ref: RawRef, repos: ReadonlyMap<string, RepoConfig>): Finding {
  const repo = repos.get(ref.repo)
  if (repo === undefined) {
    return refFinding([...path, 'repo'], `there is no repo \`${ref.repo}\``, ref.repo, repos)
  }
  const branch = repo.branches.get(ref.branch)
  if (branch === undefined) {
    const text = `the repo \`${ref.repo}\` has no branch \`${ref.branch}\``
    return refFinding([...path, 'branch'], text, ref.branch, repo.branches)
  }
  const runner = branch.runners.get(ref.runner)
  if (runner === undefined) {
    const text = `the branch \`${ref.branch}\` of \`${ref.repo}\` has no runner \`${ref.runner}\``
    return refFinding([...path, 'runner'], text, ref.runner, branch.runners)
  }
  const others = [...branch.runners.values()].filter((other) => other.type !== 'SimpleProcess')
  const text = `the runner \`${ref.runner}\` is a SimpleProcess, which nginx cannot show; those it can: ${listed(others.map((other) => other.name))}`
  return atValue([...path, 'runner'], withPath([...path, 'runner'], text))
}

function refFinding(
  path: readonly string[],
  text: string,
  name: string,
  there: ReadonlyMap<string, unknown>,
): Finding {
  return atValue(path, withPath(path, `${text}; ${suggestion(name, [...there.keys()], 'there are:')}`))
}

/** How many ports the processes of all branches need at once: while a branch is deployed, its own twice. */
export function portsNeeded(repos: Iterable<RepoConfig>): { all: number; overlap: number; branch: string } {
  const needed = { all: 0, overlap: 0, branch: '' }
  for (const { branches } of repos) {
    for (const { repo, branch, runners } of branches.values()) {
      let count = 0
      for (const runner of runners.values()) {
        if (runner.type === 'NginxBackend' || runner.type === 'UwsgiNginxBackend')
          count += runner.processCount
      }
      needed.all += count
      if (count > needed.overlap) {
        needed.overlap = count
        needed.branch = `${repo} ${branch}`
      }
    }
  }
  return needed
}

/** Reported only: which branch would have to go without cannot be said, and the deploy that finds no port says so. */
export function portRangeSuffices({ main, mainFile, repos }: Definitions): FileFinding[] {
  if (main === undefined) return []
  const { min, max } = main.ports
  const { all, overlap, branch } = portsNeeded(repos.map(({ value }) => value))
  const available = max - min + 1
  if (all + overlap <= available) return []
  const text = `${min}-${max} are ${available} ports, but ${all + overlap} are needed: ${all} for the processes of all branches and ${overlap} more while \`${branch}\` is deployed`
  return [{ file: mainFile, disables: false, ...atKey(['ports'], withPath(['ports'], text)) }]
}

export const rules: readonly ((definitions: Definitions) => FileFinding[])[] = [
  reposAreDefinedOnce,
  domainsAreClaimedOnce,
  locationsPointAtRunners,
  portRangeSuffices,
]
