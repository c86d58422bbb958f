/** A Context on a temporary home, for tests of single parts against the real system. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Config, MainConfig } from '../../src/config/types.ts'
import type { Context } from '../../src/context.ts'
import { pathsOf } from '../../src/paths.ts'

/** A directory that is removed when the test has ended. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'pypaas-test-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

export function mainConfig(changes: Partial<MainConfig> = {}): MainConfig {
  return {
    ports: { min: 61500, max: 61800 },
    runScriptTemplate: undefined,
    logScriptTemplate: undefined,
    deployLoggerCmd: undefined,
    sslConfig: undefined,
    ssh: undefined,
    services: { mode: 'managed' },
    nginx: {
      mode: 'managed',
      switch: 'auto',
      http: { host: '127.0.0.1', port: 8080 },
      https: { host: '127.0.0.1', port: 8443 },
    },
    releases: { keep: 5 },
    builds: { timeout: 1800, parallel: 2 },
    disk: { minFree: 0, max: 20 * 2 ** 30 },
    watch: { seconds: 10 },
    git: { maxPush: 2 ** 30 },
    drainTimeout: 30,
    artifacts: undefined,
    fleet: undefined,
    apps: new Map(),
    ...changes,
  }
}

/** A Context whose home is a temporary directory and whose log says nothing. */
export async function testContext(config: Partial<Config> = {}): Promise<Context> {
  const home = await temporaryDirectory()
  return {
    paths: pathsOf(home),
    config: {
      dir: join(home, 'config'),
      main: mainConfig(),
      repos: new Map(),
      domains: new Map(),
      problems: [],
      ...config,
    },
    log: { info() {}, warn() {}, error() {} },
    baseEnv: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: home,
      LANG: 'C.UTF-8',
      USER: 'deploy',
    },
    now: () => new Date(),
  }
}
