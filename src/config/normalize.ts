/**
 * Raw configuration to its one normalised shape: defaults filled in, strings
 * made lists, texts made what they stand for. Pure; what comes in is checked.
 */
import { locationText } from './location.ts'
import { normalizeArtifacts } from './normalize-artifacts.ts'
import { domainIdentity } from './naming.ts'
import { normalizeFleet } from './normalize-fleet.ts'
import { normalizeRunner } from './normalize-runner.ts'
import { parseRemote } from './remote.ts'
import type { RawBranch, RawDomain, RawMain, RawRepo } from './schema.ts'
import type {
  BranchConfig,
  DomainConfig,
  HookStage,
  ListenAddress,
  LocationConfig,
  MainConfig,
  RepoConfig,
} from './types.ts'
import { parseListen, parseSize, withDomain } from './values.ts'

const GIB = 2 ** 30
const MIN_FREE = 500 * 2 ** 20
const MAX_DISK = 20 * GIB

/** `raw` is undefined, or lacks keys, where `pypaas.yml` cannot be read: then defaults stand in, and one useless port. */
export function normalizeMain(raw: Partial<RawMain> = {}): MainConfig {
  const listen = raw.ssh === undefined ? undefined : parseListen(raw.ssh.listen)
  return {
    ports: raw.ports ?? { min: 1, max: 1 },
    runScriptTemplate: raw.runner_runscript_template,
    logScriptTemplate: raw.runner_logscript_template,
    deployLoggerCmd: raw.deploy_logger_cmd,
    sslConfig: raw.ssl_config,
    ssh: listen === undefined ? undefined : { listen },
    services: { mode: raw.services?.mode ?? 'managed' },
    nginx: {
      mode: raw.nginx?.mode ?? 'managed',
      switch: raw.nginx?.switch ?? 'auto',
      http: address(raw.nginx?.http, 80),
      https: address(raw.nginx?.https, 443),
    },
    releases: { keep: raw.releases?.keep ?? 5 },
    builds: { timeout: raw.builds?.timeout ?? 1800, parallel: raw.builds?.parallel ?? 2 },
    disk: {
      minFree: parseSize(raw.disk?.min_free ?? MIN_FREE) ?? MIN_FREE,
      max: parseSize(raw.disk?.max ?? MAX_DISK) ?? MAX_DISK,
    },
    watch: { seconds: raw.watch?.seconds ?? 10 },
    git: { maxPush: parseSize(raw.git?.max_push ?? GIB) ?? GIB },
    drainTimeout: raw.drain_timeout ?? 30,
    artifacts: raw.artifacts === undefined ? undefined : normalizeArtifacts(raw.artifacts),
    fleet: raw.fleet === undefined ? undefined : normalizeFleet(raw.fleet),
    apps: new Map(Object.entries(raw.apps ?? {}).map(([name, { values = {} }]) => [name, { values }])),
  }
}

function address(value: string | number | undefined, port: number): ListenAddress {
  return parseListen(value ?? port) ?? { host: undefined, port }
}

export function normalizeRepo(name: string, raw: RawRepo): RepoConfig {
  return {
    name,
    branches: new Map(
      Object.entries(raw.branches).map(([branch, value]) => [branch, normalizeBranch(name, branch, value)]),
    ),
  }
}

function normalizeBranch(repo: string, branch: string, raw: RawBranch): BranchConfig {
  const hooks: Partial<Record<HookStage, readonly string[]>> = {}
  for (const [stage, commands] of Object.entries(raw.hooks ?? {})) hooks[stage as HookStage] = list(commands)
  return {
    repo,
    branch,
    ...sourceOf(raw),
    runners: new Map(
      Object.entries(raw.runners).map(([name, runner]) => [name, normalizeRunner(name, runner)]),
    ),
    env: Object.fromEntries(Object.entries(raw.env ?? {}).map(([key, value]) => [key, String(value)])),
    hooks,
    customCmds: new Map(Object.entries(raw.custom_cmds ?? {}).map(([name, value]) => [name, list(value)])),
  }
}

function sourceOf({ source }: RawBranch): Pick<BranchConfig, 'source'> {
  if (source === undefined) return {}
  const remote = parseRemote(source.remote)
  // What is no remote has been found by `checks-repo.ts`: the file defines nothing.
  return typeof remote === 'string' ? {} : { source: { remote, schedule: source.schedule } }
}

function list(commands: string | readonly string[]): readonly string[] {
  return typeof commands === 'string' ? [commands] : commands
}

/** `name` as the file has it; `{domain}` in paths becomes that, as in pyPaaS. */
export function normalizeDomain(name: string, raw: RawDomain): DomainConfig {
  const files = `/etc/ssl/private/httpd/${name}`
  const path = (value: string | undefined, fallback: string): string => withDomain(value ?? fallback, name)
  return {
    name: domainIdentity(name),
    locations: Object.entries(raw.locations).map(([key, location]) => normalizeLocation(key, location)),
    ssl: raw.ssl ?? false,
    sslCertificate: path(raw.ssl_certificate, `${files}/${name}.crt`),
    sslCertificateKey: path(raw.ssl_certificate_key, `${files}/${name}.key`),
    sslCertificateChain: path(raw.ssl_certificate_chain, `${files}/trusted_chain.crt`),
    nginxHttpExtraConfig: raw.nginx_http_extra_config ?? '',
    nginxHttpsExtraConfig: raw.nginx_https_extra_config ?? '',
    extraListenOptions: (raw.extra_listen_options ?? '').trim(),
  }
}

function normalizeLocation(key: string, raw: RawDomain['locations'][string]): LocationConfig {
  return { path: locationText(key), upstream: raw.upstream, maintenanceUpstream: raw.maintenance_upstream }
}
