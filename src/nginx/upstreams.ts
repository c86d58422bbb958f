/** The upstreams of a branch: which processes nginx may choose from, and who chooses. Pure. */
import { createHash } from 'node:crypto'
import { joinNames } from '../names.ts'
import type { BranchRef } from '../paths.ts'
import type { Release, ReleaseRunner } from '../release.ts'
import { typeOf } from '../runners/index.ts'
import type { PortMap } from './dictionary.ts'
import { directivesOf } from './directives.ts'

/** A branch and what is live of it. */
export interface LiveBranch {
  readonly ref: BranchRef
  /** Undefined: never deployed. */
  readonly release: Release | undefined
  readonly maintenance: boolean
  /** A symbolic link to the live checkout. Files are served through it: they switch without a reload. */
  readonly root: string
}

/** nginx text of the operator, and where it comes from. */
export interface Extra {
  /** For example `domains/example.com.yml nginx_http_extra_config`. */
  readonly where: string
  readonly text: string
}

export interface UpstreamView {
  readonly name: string
  readonly ports: readonly number[]
  /**
   * What our Lua code finds the ports by in nginx's memory. With another shape of the branch it is another: workers
   * of before a reload go on with the processes that their files were made for. Undefined: the ports are in the file.
   */
  readonly key: string | undefined
  readonly extra: Extra
}

export interface BranchUpstreams {
  readonly ref: BranchRef
  readonly upstreams: readonly UpstreamView[]
}

/** All of them, of domains or not: a domain whose file is broken may go on using any. */
export function upstreamsOf(branch: LiveBranch, lua: boolean): BranchUpstreams {
  const { ref, release } = branch
  const shape = shapeOf(branch).slice(0, 8)
  const upstreams = (release?.runners ?? []).flatMap((runner): UpstreamView[] => {
    const serving = typeOf(runner).serving(runner)
    if (serving?.kind !== 'proxy' || runner.ports.length === 0) return []
    const name = joinNames(ref.repo, ref.branch, runner.name)
    const { upstreamConfig } = serving
    return [
      {
        name,
        ports: runner.ports,
        key: lua && isOurs(upstreamConfig, runner.ports) ? `${name}+${shape}` : undefined,
        extra: { where: whereOf(ref, runner.name, 'nginx_extra_upstream_config'), text: upstreamConfig },
      },
    ]
  })
  return { ref, upstreams }
}

/** The ports that nginx has in its memory. */
export function portMapOf(branches: readonly BranchUpstreams[]): PortMap {
  const all = branches.flatMap(({ upstreams }) => upstreams)
  return new Map(all.flatMap(({ key, ports }) => (key === undefined ? [] : [[key, ports] as const])))
}

/** The ports of a release that nginx never has in its memory. */
export function portsInFiles({ runners }: Release): number[] {
  return runners.flatMap((runner) => {
    const serving = typeOf(runner).serving(runner)
    return serving?.kind === 'proxy' && !isOurs(serving.upstreamConfig, runner.ports) ? runner.ports : []
  })
}

/** All that nginx's files hold of a branch. Of the ports, those alone that nginx does not get by its memory. */
export function shapeOf({ release, maintenance, root }: LiveBranch): string {
  const runners = (release?.runners ?? []).map((runner) => {
    const serving = typeOf(runner).serving(runner)
    const inMemory = serving?.kind === 'proxy' && isOurs(serving.upstreamConfig, runner.ports)
    return {
      type: runner.type,
      name: runner.name,
      serving,
      extra: 'nginxExtraConfig' in runner ? runner.nginxExtraConfig : '',
      ports: inMemory && runner.ports.length > 0 ? 'in memory' : runner.ports,
      ...(isAlone(runner) ? { alone: true } : {}),
    }
  })
  return digest({ maintenance, root, runners })
}

/** Whether two releases of a runner never run at once. */
export function isAlone(runner: ReleaseRunner): boolean {
  return runner.type !== 'NginxStatic' && runner.strategy === 'stop_first'
}

/** Equal for equal values. */
export function digest(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}

/** An operator who sets how nginx picks a process has the last word; connections may be kept either way. */
function isOurs(upstreamConfig: string, ports: readonly number[]): boolean {
  const own = directivesOf(upstreamConfig)
  return own.every(({ name }) => name.startsWith('keepalive')) && ports.every((port) => port >= 1024)
}

/** Where a key of a runner stands in the configuration. */
export function whereOf({ repo, branch }: BranchRef, runner: string, key: string): string {
  return `repos/${repo}.yml branches.${branch}.runners.${runner}.${key}`
}
