import { expect, test } from 'vitest'
import type { BranchConfig, NginxBackendConfig, RunnerConfig } from '../../src/config/types.ts'
import { madeUp } from '../../src/deploy/predecessor.ts'
import type { PortClaim } from '../../src/port-file.ts'

function backend(name: string, processCount: number): NginxBackendConfig {
  return {
    type: 'NginxBackend',
    name,
    cmd: 'npm start',
    processCount,
    health: { path: undefined, status: { min: 200, max: 399 }, interval: 0.05, timeout: 30, uptime: 1 },
    stopTimeout: 10,
    strategy: 'overlap',
    nginxExtraConfig: '',
    nginxExtraUpstreamConfig: '',
    nginxProxyPath: '',
  }
}

function claim(port: number, runnerType: string): PortClaim {
  return {
    port,
    repo: 'web',
    branch: 'master',
    runnerType,
    release: undefined,
    runner: undefined,
    process: undefined,
  }
}

test('what pyPaaS runs gets the ports of its type of runner, in the order of the runners', () => {
  const branch: BranchConfig = {
    repo: 'web',
    branch: 'master',
    runners: new Map<string, RunnerConfig>([
      ['a', backend('a', 2)],
      ['b', backend('b', 1)],
      ['files', { type: 'NginxStatic', name: 'files', subdirectory: 'public', nginxExtraConfig: '' }],
    ]),
    env: { NODE_ENV: 'production' },
    hooks: {},
    customCmds: new Map(),
  }
  const claims = [claim(61500, 'NginxBackend'), claim(61501, 'NginxBackend'), claim(61502, 'NginxBackend')]
  const release = madeUp(branch, '20160101_120000-0123456789a', claims, new Date(0))
  expect(release).toMatchObject({ commit: '0123456789a', checkout: '20160101_120000-0123456789a' })
  expect(release.runners.map(({ name, ports }) => [name, ports])).toEqual([
    ['a', [61500, 61501]],
    ['b', [61502]],
    ['files', []],
  ])
})
