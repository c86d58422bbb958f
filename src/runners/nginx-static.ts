/** NginxStatic: files of the checkout, served by nginx itself. */
import type { NginxStaticConfig } from '../config/types.ts'
import type { RunnerType } from './runner.ts'

export const nginxStatic: RunnerType<NginxStaticConfig> = {
  type: 'NginxStatic',
  portCount: () => 0,
  processEnv: () => ({}),
  serving: (config) => ({ kind: 'files', subdirectory: config.subdirectory }),
}
