/** UwsgiNginxBackend: processes that speak the uwsgi protocol on the port in `PORT`, behind nginx. */
import type { UwsgiNginxBackendConfig } from '../config/types.ts'
import type { RunnerType } from './runner.ts'

export const uwsgiNginxBackend: RunnerType<UwsgiNginxBackendConfig> = {
  type: 'UwsgiNginxBackend',
  portCount: (config) => config.processCount,
  processEnv: (_config, port) => ({ PORT: String(port) }),
  serving: (config) => ({
    kind: 'proxy',
    protocol: 'uwsgi',
    upstreamConfig: config.nginxExtraUpstreamConfig,
    path: '',
  }),
}
