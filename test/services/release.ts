/** Releases under the real daemontools, in a temporary home; nothing of them outlives the test. */
import { mkdir, writeFile } from 'node:fs/promises'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import type { HealthConfig, MainConfig, ProcessRunnerConfig } from '../../src/config/types.ts'
import type { Context } from '../../src/context.ts'
import type { Release, ReleaseRunner } from '../../src/release.ts'
import { startServices, writeServices } from '../../src/services/tree.ts'
import { linkOf, processTable, sendSignal } from '../../src/system/process-table.ts'
import { mainConfig, testContext } from '../support/context.ts'

/** A context whose home has no process left when the test has ended. */
export async function servicesContext(main: Partial<MainConfig> = {}): Promise<Context> {
  const ctx = await testContext({ main: mainConfig(main) })
  onTestFinished(async () => {
    for (let left = processesOfHome(ctx); left.length > 0; left = processesOfHome(ctx)) {
      for (const pid of left) sendSignal(pid, 'SIGKILL')
      await delay(2)
    }
  })
  return ctx
}

/** Pids of all that has the home in its command line, its environment or its working directory. */
export function processesOfHome(ctx: Context): number[] {
  const { home } = ctx.paths
  return processTable().flatMap(({ pid }) => {
    if (pid === process.pid) return []
    const texts = [read(pid, 'cmdline'), read(pid, 'environ'), linkOf(pid, 'cwd') ?? '']
    return texts.some((text) => text.includes(home)) ? [pid] : []
  })
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}

export const HEALTH: HealthConfig = {
  path: undefined,
  status: { min: 200, max: 399 },
  interval: 0.05,
  timeout: 20,
  uptime: 0.05,
}

/** A worker, or with `ports` a backend; `cmd` is run in the checkout. */
export function runner(
  cmd: string,
  changes: Partial<ProcessRunnerConfig> & { ports?: readonly number[] } = {},
): ReleaseRunner {
  const { ports = [], ...rest } = changes
  const common = {
    name: 'web',
    cmd,
    processCount: Math.max(1, ports.length),
    health: HEALTH,
    stopTimeout: 5,
    strategy: 'overlap' as const,
    ports,
  }
  const made =
    ports.length === 0
      ? { ...common, type: 'SimpleProcess' as const }
      : {
          ...common,
          type: 'NginxBackend' as const,
          nginxExtraConfig: '',
          nginxExtraUpstreamConfig: '',
          nginxProxyPath: '',
        }
  return { ...made, ...rest } as ReleaseRunner
}

export function release(runners: readonly ReleaseRunner[], changes: Partial<Release> = {}): Release {
  return {
    repo: 'shop',
    branch: 'master',
    release: '20260102_030405-0123456789a',
    checkout: '20260102_030405-0123456789a',
    commit: '0123456789abcdef0123456789abcdef01234567',
    subject: 'A commit',
    by: 'alice',
    created: '2026-01-02T03:04:05.000Z',
    env: {},
    runners,
    ...changes,
  }
}

/** Writes files into the release's checkout; returns its path. */
export async function checkoutOf(
  ctx: Context,
  made: Release,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  const path = ctx.paths.checkout(made, made.checkout)
  await mkdir(path, { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), text, { mode: 0o755 })
  }
  return path
}

/** Writes and starts a release; its processes get `env` and PORT. */
export async function started(
  ctx: Context,
  made: Release,
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const path = await checkoutOf(ctx, made, files)
  writeServices(ctx, made, path, ({ port }) => ({
    ...ctx.baseEnv,
    ...env,
    ...(port === undefined ? {} : { PORT: String(port) }),
  }))
  await startServices(ctx, made)
}

/** Waits until `look` finds something, for at most 20 seconds. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  for (const deadline = performance.now() + 20_000; performance.now() < deadline; await delay(5)) {
    const found = await look()
    if (found !== undefined && found !== false) return found
  }
  throw new Error(`waited in vain for ${what}`)
}

/** Names of the processes that run of the home, sorted. */
export function namesOfHome(ctx: Context): string[] {
  const pids = new Set(processesOfHome(ctx))
  return processTable()
    .filter(({ pid }) => pids.has(pid))
    .map(({ name }) => name)
    .toSorted()
}

/** Everything that the directory holds, for looking at what a test has left. */
export function listing(directory: string): string[] {
  return readdirSync(directory).toSorted()
}
