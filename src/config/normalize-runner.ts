/** One raw runner to its normalised shape. Pure. */
import type { RawRunner } from './schema.ts'
import type { HealthConfig, RunnerConfig } from './types.ts'
import { parseStatus, withoutOuterSlashes } from './values.ts'

type RawProcessRunner = Exclude<RawRunner, { type: 'NginxStatic' }>

export function normalizeRunner(name: string, raw: RawRunner): RunnerConfig {
  const nginxExtraConfig = raw.nginx_extra_config ?? ''
  const nginxExtraUpstreamConfig = raw.nginx_extra_upstream_config ?? ''
  if (raw.type === 'NginxStatic') {
    const subdirectory = withoutOuterSlashes(raw.subdirectory ?? '')
    return { type: raw.type, name, subdirectory, nginxExtraConfig }
  }
  const common = processes(name, raw)
  if (raw.type === 'SimpleProcess') return { type: raw.type, ...common }
  const nginx = { ...common, nginxExtraConfig, nginxExtraUpstreamConfig }
  if (raw.type === 'UwsgiNginxBackend') return { type: raw.type, ...nginx }
  return { type: raw.type, ...nginx, nginxProxyPath: raw.nginx_proxy_path ?? '' }
}

function processes(name: string, raw: RawProcessRunner) {
  return {
    name,
    cmd: raw.cmd,
    processCount: raw.process_count ?? 1,
    health: health(raw),
    stopTimeout: raw.stop_timeout ?? 10,
    strategy: raw.strategy ?? 'overlap',
  } as const
}

const DEFAULT_HEALTH: HealthConfig = Object.freeze({
  path: undefined,
  status: Object.freeze({ min: 200, max: 399 }),
  interval: 0.05,
  timeout: 30,
  uptime: 1,
})

function health(raw: RawProcessRunner): HealthConfig {
  if (raw.health === undefined) return DEFAULT_HEALTH
  const { interval, timeout, uptime } = { ...DEFAULT_HEALTH, ...raw.health }
  const http = raw.type === 'NginxBackend' ? raw.health : undefined
  const status = parseStatus(http?.status ?? '') ?? DEFAULT_HEALTH.status
  return { path: http?.path, status, interval, timeout, uptime }
}
