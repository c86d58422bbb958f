/** The configuration in words, for `pypaas check`. Pure. */
import { portsNeeded } from './rules.ts'
import type { BranchConfig, Config, Problem } from './types.ts'

/** `file:line:column: message` */
export function problemText({ file, line, column, message }: Problem): string {
  return `${file}:${line}:${column}: ${message}`
}

/** What was found, one line each: the sums, then every repo with its branches and runners, then every domain. */
export function summary(config: Config): string[] {
  const branches = [...config.repos.values()].flatMap((repo) => [...repo.branches.values()])
  const processes = branches.reduce((sum, branch) => sum + processCount(branch), 0)
  const { min, max } = config.main.ports
  const { all, overlap } = portsNeeded(config.repos.values())
  const sums = [
    plural(config.repos.size, 'repo'),
    plural(branches.length, 'branch', 'branches'),
    plural(processes, 'process', 'processes'),
    plural(config.domains.size, 'domain'),
  ]
  return [
    `configuration: ${config.dir}`,
    sums.join(', '),
    `ports: ${min}-${max}, ${all} of ${max - min + 1} in use, ${overlap} more during a deploy`,
    ...branches.map(branchLine),
    ...[...config.domains.values()].map((domain) => {
      const shown = domain.locations.map(({ path, upstream }) => {
        return `${path} → ${upstream.repo} ${upstream.branch} ${upstream.runner}`
      })
      return `domain ${domain.name}${domain.ssl ? ' (ssl)' : ''}: ${shown.join(', ') || 'no locations'}`
    }),
  ]
}

function branchLine(branch: BranchConfig): string {
  const runners = [...branch.runners.values()].map((runner) => {
    const count = runner.type === 'NginxStatic' ? '' : ` × ${runner.processCount}`
    return `${runner.name} (${runner.type}${count})`
  })
  const source = branch.source === undefined ? '' : `, pulled from ${branch.source.remote.shown}`
  return `repo ${branch.repo}, branch ${branch.branch}: ${runners.join(', ') || 'no runners'}${source}`
}

function processCount({ runners }: BranchConfig): number {
  return [...runners.values()].reduce(
    (sum, runner) => sum + (runner.type === 'NginxStatic' ? 0 : runner.processCount),
    0,
  )
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
