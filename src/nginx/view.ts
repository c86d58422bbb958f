/**
 * What nginx should do, from the configuration and what is live: the data that `render.ts` makes text of.
 * Runners come from the snapshot of the live release, domains from the configuration.
 */
import { brokenDomains } from '../config/broken.ts'
import type { Config, DomainConfig, ListenAddress, LocationConfig, RunnerRef } from '../config/types.ts'
import { joinNames } from '../names.ts'
import type { BranchRef } from '../paths.ts'
import type { ReleaseRunner } from '../release.ts'
import { typeOf } from '../runners/index.ts'
import type { Serving } from '../runners/runner.ts'
import type { HostFacts } from './facts.ts'
import {
  isAlone,
  upstreamsOf,
  whereOf,
  type BranchUpstreams,
  type Extra,
  type LiveBranch,
} from './upstreams.ts'

/** How a location is answered. */
export type Answer =
  | {
      readonly kind: 'proxy'
      readonly protocol: 'http' | 'uwsgi'
      readonly upstream: string
      readonly path: string
      /** Two releases of it never run at once (`strategy: stop_first`). */
      readonly alone?: true
    }
  | { readonly kind: 'files'; readonly root: string; readonly subdirectory: string }
  /** The 503 page: never deployed, in maintenance, or a runner that the live release does not have. */
  | { readonly kind: 'unavailable' }

export interface LocationView {
  /** An nginx location, as configured. */
  readonly path: string
  readonly answer: Answer
  readonly extra: Extra
}

export interface Tls {
  readonly certificate: string
  readonly key: string
  /** Undefined: there is no such file, hence no stapling. */
  readonly chain: string | undefined
}

export interface DomainView {
  readonly name: string
  readonly tls: Tls | undefined
  readonly listenOptions: string
  readonly httpExtra: Extra
  readonly httpsExtra: Extra
  readonly locations: readonly LocationView[]
  /** The branches of its locations. */
  readonly refs: readonly BranchRef[]
}

export interface NginxView {
  readonly http: { readonly addresses: readonly string[]; readonly port: number }
  readonly https: { readonly addresses: readonly string[]; readonly port: number }
  /** Whether unknown hosts are answered at the http addresses. */
  readonly listen: boolean
  readonly sslConfig: Extra | undefined
  readonly facts: HostFacts
  readonly domains: readonly DomainView[]
  readonly branches: readonly BranchUpstreams[]
  /** Domains whose file has a problem: what nginx has of them stays as it is. */
  readonly kept: readonly string[]
}

/** What nginx should do now. Pure. */
export function viewOf(config: Config, live: readonly LiveBranch[], facts: HostFacts): NginxView {
  const { nginx, sslConfig } = config.main
  const branches = new Map(live.map((branch) => [joinNames(branch.ref.repo, branch.ref.branch), branch]))
  const domains = [...config.domains.values()].map((domain) => domainView(domain, branches, facts))
  return {
    http: { addresses: addressesOf(nginx.http, facts), port: nginx.http.port },
    https: { addresses: addressesOf(nginx.https, facts), port: nginx.https.port },
    // The host's own nginx listens for us only once there is something to serve.
    listen: nginx.mode === 'managed' || domains.length > 0,
    sslConfig: sslConfig === undefined ? undefined : { where: 'pypaas.yml ssl_config', text: sslConfig },
    facts,
    domains,
    branches: live
      .map((branch) => upstreamsOf(branch, facts.switching.kind === 'lua'))
      .filter(({ upstreams }) => upstreams.length > 0),
    kept: [...brokenDomains(config)],
  }
}

/** What a listen directive wants: one address, or both families of all addresses. */
function addressesOf({ host, port }: ListenAddress, { ipv6 }: HostFacts): string[] {
  if (host === undefined) return ipv6 ? [`${port}`, `[::]:${port}`] : [`${port}`]
  return [host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`]
}

function domainView(
  domain: DomainConfig,
  branches: ReadonlyMap<string, LiveBranch>,
  { chains }: HostFacts,
): DomainView {
  const file = `domains/${domain.name}.yml`
  const chain = chains.has(domain.sslCertificateChain) ? domain.sslCertificateChain : undefined
  return {
    name: domain.name,
    tls: domain.ssl
      ? { certificate: domain.sslCertificate, key: domain.sslCertificateKey, chain }
      : undefined,
    listenOptions: domain.extraListenOptions,
    httpExtra: { where: `${file} nginx_http_extra_config`, text: domain.nginxHttpExtraConfig },
    httpsExtra: { where: `${file} nginx_https_extra_config`, text: domain.nginxHttpsExtraConfig },
    locations: domain.locations.map((location) => locationView(location, branches)),
    refs: refsOf(domain),
  }
}

function refsOf({ locations }: DomainConfig): BranchRef[] {
  const refs = locations.flatMap(({ upstream, maintenanceUpstream }) =>
    maintenanceUpstream === undefined ? [upstream] : [upstream, maintenanceUpstream],
  )
  const distinct = new Map(refs.map(({ repo, branch }) => [joinNames(repo, branch), { repo, branch }]))
  return [...distinct.values()]
}

function locationView(
  { path, upstream, maintenanceUpstream }: LocationConfig,
  branches: ReadonlyMap<string, LiveBranch>,
): LocationView {
  for (const ref of [upstream, maintenanceUpstream]) {
    const served = ref === undefined ? undefined : servedBy(ref, branches)
    if (served !== undefined) return { path, ...served }
  }
  return { path, answer: { kind: 'unavailable' }, extra: { where: '', text: '' } }
}

/** How a runner answers now, or undefined if it cannot. */
function servedBy(
  ref: RunnerRef,
  branches: ReadonlyMap<string, LiveBranch>,
): { answer: Answer; extra: Extra } | undefined {
  const branch = branches.get(joinNames(ref.repo, ref.branch))
  const runner = branch?.release?.runners.find(({ name }) => name === ref.runner)
  if (branch === undefined || branch.maintenance || runner === undefined) return undefined
  const serving = typeOf(runner).serving(runner)
  if (serving === undefined || (serving.kind === 'proxy' && runner.ports.length === 0)) return undefined
  const text = 'nginxExtraConfig' in runner ? runner.nginxExtraConfig : ''
  return {
    answer: answerOf(serving, branch, runner),
    extra: { where: whereOf(ref, runner.name, 'nginx_extra_config'), text },
  }
}

function answerOf(serving: Serving, { ref, root }: LiveBranch, runner: ReleaseRunner): Answer {
  if (serving.kind === 'files') return { kind: 'files', root, subdirectory: serving.subdirectory }
  const { protocol, path } = serving
  const upstream = joinNames(ref.repo, ref.branch, runner.name)
  return { kind: 'proxy', protocol, path, upstream, ...(isAlone(runner) ? { alone: true } : {}) }
}
