/** A real nginx of its own for a test, with apps that run in the test's process. */
import { execFile } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { createServer, request, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import type {
  DomainConfig,
  LocationConfig,
  MainConfig,
  NginxBackendConfig,
  NginxStaticConfig,
} from '../../src/config/types.ts'
import type { Context } from '../../src/context.ts'
import { stageNginx, type Activation, type Staged } from '../../src/nginx/apply.ts'
import type { Blocked } from '../../src/nginx/tested-set.ts'
import { basisOf } from '../../src/nginx/basis.ts'
import { hostFacts } from '../../src/nginx/facts.ts'
import { ensureNginx, stopNginx } from '../../src/nginx/managed.ts'
import { renderFiles } from '../../src/nginx/render.ts'
import type { LiveBranch } from '../../src/nginx/upstreams.ts'
import { viewOf } from '../../src/nginx/view.ts'
import type { Release, ReleaseRunner } from '../../src/release.ts'
import { setLive, writeRelease } from '../../src/system/state.ts'
import { mainConfig, testContext } from '../support/context.ts'

/** Both ways to switch. */
export const WAYS = ['lua', 'reload'] as const
export type Way = (typeof WAYS)[number]

/** A context whose nginx listens on free ports of loopback. */
export async function nginxContext(
  domains: readonly DomainConfig[],
  changes: Partial<MainConfig> = {},
  way: Way = 'reload',
): Promise<Context> {
  const [http, https] = await freePorts()
  const ctx = await testContext({ domains: mapOf(domains), main: mainOn(http, https, way, changes) })
  onTestFinished(() => stopNginx(ctx))
  return ctx
}

/** The same host with another configuration. */
export function withDomains(ctx: Context, domains: readonly DomainConfig[]): Context {
  return { ...ctx, config: { ...ctx.config, domains: mapOf(domains) } }
}

/** The same host with another switch. */
export function switchedBy(ctx: Context, way: Way | 'auto'): Context {
  const { main } = ctx.config
  return { ...ctx, config: { ...ctx.config, main: { ...main, nginx: { ...main.nginx, switch: way } } } }
}

function mainOn(http: number, https: number, way: Way, changes: Partial<MainConfig>): MainConfig {
  const host = '127.0.0.1'
  return mainConfig({
    nginx: {
      ...mainConfig().nginx,
      mode: 'managed',
      switch: way,
      http: { host, port: http },
      https: { host, port: https },
    },
    ...changes,
  })
}

function mapOf(domains: readonly DomainConfig[]): Map<string, DomainConfig> {
  return new Map(domains.map((domain) => [domain.name, domain]))
}

/**
 * Two ports that nothing listens on. Below the range from which the kernel takes ports for outgoing
 * connections (ip_local_port_range), or one of these could hold it by the time that it is wanted.
 */
export async function freePorts(): Promise<[number, number]> {
  const ports: number[] = []
  while (ports.length < 2) {
    const port = randomInt(20_000, 32_000)
    if (!ports.includes(port) && (await isFree(port))) ports.push(port)
  }
  return [ports[0] ?? 0, ports[1] ?? 0]
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createTcpServer()
    server.on('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

export async function stage(ctx: Context, live: readonly LiveBranch[]): Promise<Staged> {
  const facts = await hostFacts(ctx)
  const rendered = renderFiles(viewOf(ctx.config, live, facts))
  return stageNginx(ctx, rendered, basisOf(ctx.config, live, facts))
}

/** Stages, activates, and starts nginx if it does not run. */
export async function route(
  ctx: Context,
  live: readonly LiveBranch[],
): Promise<Activation & { changed: boolean; blocked: readonly Blocked[] }> {
  const staged = await stage(ctx, live)
  const activation = await staged.activate()
  await ensureNginx(ctx)
  return { ...activation, changed: staged.changed, blocked: staged.blocked }
}

export function domainOf(
  name: string,
  locations: Record<string, string | LocationConfig>,
  changes: Partial<DomainConfig> = {},
): DomainConfig {
  return {
    name,
    locations: Object.entries(locations).map(([path, to]) =>
      typeof to === 'string'
        ? { path, upstream: refOf(to), maintenanceUpstream: undefined }
        : { ...to, path },
    ),
    ssl: false,
    sslCertificate: `/nowhere/${name}.crt`,
    sslCertificateKey: `/nowhere/${name}.key`,
    sslCertificateChain: `/nowhere/${name}.chain`,
    nginxHttpExtraConfig: '',
    nginxHttpsExtraConfig: '',
    extraListenOptions: '',
    ...changes,
  }
}

/** `repo/runner`, of the branch `main`. */
export function refOf(text: string): { repo: string; branch: string; runner: string } {
  const [repo = '', runner = ''] = text.split('/')
  return { repo, branch: 'main', runner }
}

export function liveOf(
  ctx: Context,
  repo: string,
  runners: readonly ReleaseRunner[],
  changes: Partial<LiveBranch> = {},
  name = '20260801_101500-0123456789a',
): LiveBranch {
  const ref = { repo, branch: 'main' }
  const release: Release = {
    ...ref,
    release: name,
    checkout: name,
    commit: '0123456789abcdef0123456789abcdef01234567',
    subject: 'a commit',
    by: 'alice',
    created: '2026-08-01T10:15:00.000Z',
    env: {},
    runners,
  }
  return { ref, release, maintenance: false, root: ctx.paths.currentCheckout(ref), ...changes }
}

const HEALTH = { path: undefined, status: { min: 200, max: 399 }, interval: 0.05, timeout: 30, uptime: 1 }

export function backend(
  name: string,
  ports: readonly number[],
  changes: Partial<NginxBackendConfig> = {},
): ReleaseRunner {
  return {
    type: 'NginxBackend',
    name,
    cmd: 'node server.js',
    processCount: ports.length,
    health: HEALTH,
    stopTimeout: 10,
    strategy: 'overlap',
    nginxExtraConfig: '',
    nginxExtraUpstreamConfig: '',
    nginxProxyPath: '',
    ports,
    ...changes,
  }
}

export function uwsgiBackend(name: string, ports: readonly number[]): ReleaseRunner {
  return {
    type: 'UwsgiNginxBackend',
    name,
    cmd: 'uwsgi',
    processCount: ports.length,
    health: HEALTH,
    stopTimeout: 10,
    strategy: 'overlap',
    nginxExtraConfig: '',
    nginxExtraUpstreamConfig: '',
    ports,
  }
}

export function files(name: string, changes: Partial<NginxStaticConfig> = {}): ReleaseRunner {
  return { type: 'NginxStatic', name, subdirectory: '', nginxExtraConfig: '', ports: [], ...changes }
}

/** An app on a free port; ends with the test. */
export async function app(listener: RequestListener): Promise<{ port: number; server: Server }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { port: (server.address() as AddressInfo).port, server }
}

/** An app that answers with a text. */
export async function sayingApp(text: string): Promise<number> {
  return (await app((_, response) => response.end(text))).port
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Asked {
  readonly path?: string
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly https?: boolean
}

/** Asks nginx for a page of a host. */
export function ask(ctx: Context, host: string, asked: Asked = {}): Promise<Answer> {
  const { http, https } = ctx.config.main.nginx
  const options = {
    host: '127.0.0.1',
    port: asked.https === true ? https.port : http.port,
    path: asked.path ?? '/',
    method: asked.method ?? 'GET',
    headers: { Host: host, ...asked.headers },
    ...(asked.https === true
      ? { servername: host, rejectUnauthorized: false, agent: false as const }
      : { agent: false as const }),
  }
  return new Promise((resolve, reject) => {
    const outgoing = (asked.https === true ? httpsRequest : request)(options, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
      response.on('error', reject)
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

/** Sends these bytes and gives back what comes until the end. */
export function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let got = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => (got += chunk))
    socket.on('close', () => resolve(got))
    socket.on('error', reject)
  })
}

/**
 * Makes a checkout with these files (a value `-> target` is a symbolic link) the live one, as SWITCH does.
 * Returns its directory.
 */
export async function goLive(
  ctx: Context,
  live: LiveBranch,
  contents: Record<string, string>,
): Promise<string> {
  if (live.release === undefined) throw new Error('no release')
  const directory = ctx.paths.checkout(live.ref, live.release.checkout)
  for (const [file, text] of Object.entries(contents)) {
    const path = join(directory, file)
    await mkdir(dirname(path), { recursive: true })
    await (text.startsWith('-> ') ? symlink(text.slice(3), path) : writeFile(path, text))
  }
  await writeRelease(ctx.paths, live.release)
  await setLive(ctx.paths, live.release)
  return directory
}

/** A self-signed certificate. */
export async function certificate(directory: string, name: string): Promise<{ crt: string; key: string }> {
  const crt = join(directory, `${name}.crt`)
  const key = join(directory, `${name}.key`)
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
  const type = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  await promisify(execFile)('openssl', ['req', ...type, ...subject, '-keyout', key, '-out', crt])
  return { crt, key }
}
