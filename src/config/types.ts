/**
 * The configuration in one normalised shape: defaults filled in, strings made
 * lists, names checked. What the YAML files may look like is in `schema.ts`.
 */
import type { Remote } from './remote.ts'

export interface Config {
  /** The directory that the files were read from. */
  readonly dir: string
  readonly main: MainConfig
  readonly repos: ReadonlyMap<string, RepoConfig>
  readonly domains: ReadonlyMap<string, DomainConfig>
  /** All that is wrong in all files. A file with a problem that disables defines nothing in `repos` or `domains` (`broken.ts` names what is missing). */
  readonly problems: readonly Problem[]
}

/** Something wrong in a configuration file. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
  /** False: only reported; what the file defines stands. */
  readonly disables?: false
}

export interface MainConfig {
  readonly ports: { readonly min: number; readonly max: number }
  /** Undefined: the template that comes with pypaas. */
  readonly runScriptTemplate: string | undefined
  readonly logScriptTemplate: string | undefined
  /** Run by `sh -c`; gets a copy of every deploy's output on its standard input. */
  readonly deployLoggerCmd: string | undefined
  /** nginx text that replaces the TLS profile of pypaas in every domain with `ssl`. */
  readonly sslConfig: string | undefined
  /** Undefined: the embedded SSH server is not started. */
  readonly ssh: { readonly listen: ListenAddress } | undefined
  readonly services: { readonly mode: 'managed' | 'external' }
  readonly nginx: {
    readonly mode: 'managed' | 'system' | 'none'
    /** How SWITCH is made: in nginx's memory, or by a reload. `auto`: the first where nginx has the module. */
    readonly switch: 'auto' | 'lua' | 'reload'
    readonly http: ListenAddress
    readonly https: ListenAddress
  }
  readonly releases: { readonly keep: number }
  /** Seconds that a build may take, and how many run at once. */
  readonly builds: { readonly timeout: number; readonly parallel: number }
  /** Bytes. */
  readonly disk: { readonly minFree: number; readonly max: number }
  /** Seconds; 0: a release is not watched. */
  readonly watch: { readonly seconds: number }
  readonly git: { readonly maxPush: number }
  /** Seconds. */
  readonly drainTimeout: number
  /** Undefined: there is no repository of artifacts. */
  readonly artifacts: ArtifactsConfig | undefined
  /** Undefined: this host does not wait for others. */
  readonly fleet: FleetConfig | undefined
  /** By the name of the app; one of which this host has nothing to say is absent. */
  readonly apps: ReadonlyMap<string, AppConfig>
}

/** What this host says to an app that is installed from artifacts. */
export interface AppConfig {
  /** What its templates name and its hooks are told; as YAML has it. */
  readonly values: Readonly<Record<string, unknown>>
}

export interface ArtifactsConfig {
  readonly store: StoreAddress | undefined
  /** A file; undefined: signatures are not asked for. */
  readonly allowedSigners: string | undefined
  readonly s3: S3Config
}

export type StoreAddress =
  | { readonly kind: 'directory'; readonly path: string }
  /** `prefix` without slashes at its ends; empty: the whole bucket. */
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }

/** What is undefined is found by the AWS SDK, or by its defaults. */
export interface S3Config {
  readonly endpoint: string | undefined
  readonly region: string | undefined
  readonly pathStyle: boolean | undefined
  readonly serverSideEncryption: 'AES256' | 'aws:kms' | undefined
  readonly kmsKey: string | undefined
  readonly storageClass: string | undefined
  readonly accessKey: string | undefined
  readonly secretKey: string | undefined
  readonly sessionToken: string | undefined
}

export interface FleetConfig {
  /** Name of this host. */
  readonly host: string
  /** Where turns are had. Undefined: in the store of the artifacts. */
  readonly lock:
    | { readonly kind: 'etcd'; readonly urls: readonly string[] }
    /** `s3://bucket/prefix` or a directory. */
    | { readonly kind: 'store'; readonly at: string }
    | undefined
  readonly maxUnavailable: number
  /** Seconds. */
  readonly turnTimeout: number
}

/** `host` undefined: all addresses. */
export interface ListenAddress {
  readonly host: string | undefined
  readonly port: number
}

export interface RepoConfig {
  readonly name: string
  readonly branches: ReadonlyMap<string, BranchConfig>
}

export type HookStage = 'before_build' | 'build' | 'after_build' | 'maintenance' | 'after_deploy'

/** Where a branch is pulled from. */
export interface SourceConfig {
  readonly remote: Remote
  /** As cron has it. Undefined: every minute. */
  readonly schedule: string | undefined
}

export interface BranchConfig {
  readonly repo: string
  readonly branch: string
  /** Undefined: it is pushed to. */
  readonly source?: SourceConfig
  readonly runners: ReadonlyMap<string, RunnerConfig>
  readonly env: Readonly<Record<string, string>>
  /** Commands for `sh -c`, in order; a stage that is not configured is absent. */
  readonly hooks: Readonly<Partial<Record<HookStage, readonly string[]>>>
  readonly customCmds: ReadonlyMap<string, readonly string[]>
}

export interface HealthConfig {
  /** An HTTP path to ask for. Undefined: the port accepting a connection is enough. */
  readonly path: string | undefined
  /** Inclusive range of HTTP status codes that count as healthy. */
  readonly status: { readonly min: number; readonly max: number }
  /** Seconds between two looks. */
  readonly interval: number
  /** Seconds until the deploy fails. */
  readonly timeout: number
  /** Seconds that a process without a port has to stay up. */
  readonly uptime: number
}

interface ProcessRunner {
  readonly name: string
  readonly cmd: string
  readonly processCount: number
  readonly health: HealthConfig
  /** Seconds between TERM and KILL. */
  readonly stopTimeout: number
  /** `stop_first`: the old processes end before the new ones start (singletons). */
  readonly strategy: 'overlap' | 'stop_first'
}

interface NginxRunner {
  readonly name: string
  /** nginx text for every location that uses the runner. */
  readonly nginxExtraConfig: string
}

export interface NginxBackendConfig extends ProcessRunner, NginxRunner {
  readonly type: 'NginxBackend'
  readonly nginxExtraUpstreamConfig: string
  /** Appended to `proxy_pass`, for example `/prefix/`. */
  readonly nginxProxyPath: string
}

export interface UwsgiNginxBackendConfig extends ProcessRunner, NginxRunner {
  readonly type: 'UwsgiNginxBackend'
  readonly nginxExtraUpstreamConfig: string
}

export interface SimpleProcessConfig extends ProcessRunner {
  readonly type: 'SimpleProcess'
}

export interface NginxStaticConfig extends NginxRunner {
  readonly type: 'NginxStatic'
  /** Below the checkout, without slashes at its ends; empty: the checkout. */
  readonly subdirectory: string
}

export type RunnerConfig =
  NginxBackendConfig | UwsgiNginxBackendConfig | SimpleProcessConfig | NginxStaticConfig

/** A runner that has processes. */
export type ProcessRunnerConfig = Exclude<RunnerConfig, NginxStaticConfig>
/** A runner whose processes listen on allocated ports. */
export type BackendRunnerConfig = NginxBackendConfig | UwsgiNginxBackendConfig

export interface RunnerRef {
  readonly repo: string
  readonly branch: string
  readonly runner: string
}

export interface DomainConfig {
  readonly name: string
  /** In the order of the file. */
  readonly locations: readonly LocationConfig[]
  readonly ssl: boolean
  readonly sslCertificate: string
  readonly sslCertificateKey: string
  readonly sslCertificateChain: string
  readonly nginxHttpExtraConfig: string
  readonly nginxHttpsExtraConfig: string
  /** Appended to every `listen`. */
  readonly extraListenOptions: string
}

export interface LocationConfig {
  /** An nginx location: `/`, `= /exact`, `~ \.png$`, … */
  readonly path: string
  readonly upstream: RunnerRef
  readonly maintenanceUpstream: RunnerRef | undefined
}
