/** The loads under which deploys are made, and what each of them counts as broken. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'
import { plainServer, type Source } from './app.ts'
import { domainOf, type BenchHost } from './host.ts'
import { startLoad } from './http.ts'
import { deploy } from './push.ts'
import { openSockets, socketServer } from './sockets.ts'
import type { Bench } from './subject.ts'
import { h2load, runLoader, wrk, type Counted, type Loader } from './tools.ts'

/** One load. */
export interface Disturbance {
  readonly name: string
  readonly repo: string
  readonly source: Source
  prepare?(host: BenchHost): Promise<void>
  /** Deploys under the load. A text: it cannot be made here, and why. */
  run(site: Site): Promise<(Counted & { readonly deploys: number }) | string>
}

export interface Site {
  readonly bench: Bench
  readonly host: BenchHost
  readonly repo: string
  /** One deploy, until its first answer. */
  deploy(): Promise<void>
}

/** The drain timeout of the hosts, in seconds. */
export const DRAIN = 8
/** Seconds by which a WebSocket may seem to have ended early: the pace of its messages and of our clock. */
const SLACK = 0.5

const RATE = 200

/** New connections at a steady rate, for as long as some deploys take. */
async function underConnections(site: Site, deploys: number, rate: number, path: string) {
  const load = startLoad(site.host.http, domainOf(site.repo), rate, path)
  for (let made = 0; made < deploys; made++) await site.deploy()
  // What the last one left to do is a part of it.
  await delay(1000)
  return { ...(await load.stop()), how: '', deploys }
}

/** Deploys one after the other for as long as a program makes load. */
async function underLoader(site: Site, loader: Loader) {
  const over = new AbortController()
  const counted = runLoader(loader, site.bench.ends).finally(() => over.abort())
  let deploys = 0
  const deploying = (async () => {
    // Its connections are open by then.
    await delay(500)
    while (!over.signal.aborted) {
      await site.deploy()
      if (!over.signal.aborted) deploys++
    }
  })()
  const [result] = await Promise.all([counted, deploying])
  return result === undefined
    ? `left out: ${loader.program} is not installed (apt-get install ${loader.debian})`
    : { ...result, deploys }
}

const slowServer: Source = (version) => ({
  'server.mjs': `import { createServer } from 'node:http'
createServer((request, response) => {
  if (request.url !== '/slow') return response.end(${JSON.stringify(version)})
  response.write('begun')
  setTimeout(() => response.end(', ended'), 5000)
}).listen(process.env.PORT, '127.0.0.1')
`,
})

const lateServer: Source = (version) => ({
  'server.mjs': `import { createServer } from 'node:http'
const server = createServer((request, response) => response.end(${JSON.stringify(version)}))
setTimeout(() => server.listen(process.env.PORT, '127.0.0.1'), 2000)
`,
})

const SECURE = 'tls.test'

/** A second domain, with a self-made certificate. nginx ends a connection after 1,000 requests by itself: not to count. */
async function secure(host: BenchHost): Promise<void> {
  const certificate = join(host.client, 'tls.crt')
  const key = join(host.client, 'tls.key')
  const type = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  await execa('openssl', ['req', ...type, '-subj', `/CN=${SECURE}`, '-keyout', key, '-out', certificate])
  await host.configure(`domains/${SECURE}.yml`, {
    locations: { '/': { upstream: { repo: 'http2', branch: 'main', runner: 'web' } } },
    ssl: true,
    ssl_certificate: certificate,
    ssl_certificate_key: key,
    nginx_https_extra_config: 'keepalive_requests 10000000;',
  })
}

export const disturbances: readonly Disturbance[] = [
  {
    name: `new connections, ${RATE} a second`,
    repo: 'connections',
    source: plainServer,
    run: (site) => underConnections(site, site.bench.quick ? 2 : 5, RATE, '/'),
  },
  {
    name: 'kept connections at saturation (wrk, 50)',
    repo: 'kept',
    source: plainServer,
    run: (site) =>
      underLoader(
        site,
        wrk(`http://127.0.0.1:${site.host.http}/`, domainOf('kept'), site.bench.quick ? 4 : 10),
      ),
  },
  {
    name: 'HTTP/2 (h2load, 20 × 10 streams)',
    repo: 'http2',
    source: plainServer,
    prepare: secure,
    run(site) {
      const { https } = site.host
      const seconds = site.bench.quick ? 4 : 10
      return underLoader(site, h2load(`https://${SECURE}:${https}/`, `127.0.0.1:${https}`, seconds))
    },
  },
  {
    name: 'requests of 5 s, 20 a second',
    repo: 'slow',
    source: slowServer,
    run: (site) => underConnections(site, site.bench.quick ? 2 : 4, 20, '/slow'),
  },
  {
    name: `WebSockets, cut off before ${DRAIN} s`,
    repo: 'sockets',
    source: socketServer,
    async run(site) {
      const count = 20
      const sockets = await openSockets(site.host.http, domainOf('sockets'), count)
      try {
        await site.deploy()
        const switched = performance.now()
        await delay((DRAIN + 1) * 1000)
        const early = sockets.lastAnswers().filter((at) => at < switched + (DRAIN - SLACK) * 1000)
        return { sent: count, broken: early.length, how: '', deploys: 1 }
      } finally {
        sockets.close()
      }
    },
  },
  {
    name: `an app that takes 2 s to listen, ${RATE} a second`,
    repo: 'late',
    source: lateServer,
    run: (site) => underConnections(site, 2, RATE, '/'),
  },
]

/** The site of a load, deployed once. */
export async function makeSite(bench: Bench, host: BenchHost, disturbance: Disturbance): Promise<Site> {
  const { repo, source } = disturbance
  const app = await host.app(repo, source)
  await host.configureRepo(repo, { type: 'NginxBackend', cmd: 'node server.mjs' })
  await disturbance.prepare?.(host)
  const once = (): Promise<void> => deploy(host, 'embedded server', repo, app)
  await once()
  return { bench, host, repo, deploy: once }
}
