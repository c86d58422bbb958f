/** NginxBackend: processes that speak HTTP on the port in `PORT`, behind nginx. */
import type { NginxBackendConfig } from '../config/types.ts'
import type { RunnerType } from './runner.ts'

export const nginxBackend: RunnerType<NginxBackendConfig> = {
  type: 'NginxBackend',
  portCount: (config) => config.processCount,
  processEnv: (_config, port) => ({ PORT: String(port) }),
  serving: (config) => ({
    kind: 'proxy',
    protocol: 'http',
    upstreamConfig: config.nginxExtraUpstreamConfig,
    path: config.nginxProxyPath,
  }),
}
