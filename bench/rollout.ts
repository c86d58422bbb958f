/** A version for many: from `artifact put` until all hosts of a fleet answer with it, beside one host alone. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { FleetStatus } from '../src/fleet/status.ts'
import { createApp, type BenchApp, type Source } from './app.ts'
import { domainOf, startHost, type BenchHost } from './host.ts'
import { firstAnswer } from './http.ts'
import { appPorts } from './ports.ts'
import type { Bench, Ends, Subject } from './subject.ts'
import { spreadOf, times, type Spread } from './table.ts'

const REPO = 'shop'
const HOSTS = 3
const EVERY_SECOND = '* * * * * *'
/** Milliseconds between two requests to a host: several are asked at once. */
const PAUSE = 20
/** Milliseconds after which a daemon that polls every second has read its configuration again. */
const REREAD = 2500
/** Milliseconds until everyone has to be at rest. */
const SOON = 120_000

const server: Source = (version) => ({
  'package.json': '{"name": "shop", "type": "module"}',
  'server.js': `import { createServer } from 'node:http'
createServer((request, response) => response.end(${JSON.stringify(version)})).listen(process.env.PORT, '127.0.0.1')
`,
})

/** How many hosts there are, and how many of them may update at once. */
interface Shape {
  readonly hosts: number
  readonly most: number
}

const ALONE: Shape = { hosts: 1, most: 1 }
const SHAPES: readonly Shape[] = [
  { hosts: HOSTS, most: HOSTS },
  { hosts: HOSTS, most: 1 },
]

/** Milliseconds, from the start of `artifact put`. */
interface Rolled {
  /** Until the command has ended. */
  readonly put: Spread
  /** Until the first host answers with it. */
  readonly first: Spread
  /** Until the last does. */
  readonly all: Spread
}

interface Site {
  readonly store: string
  readonly artifacts: string
  readonly app: BenchApp
  readonly hosts: BenchHost[]
}

export const rollout: Subject = {
  name: 'rollout',
  about: 'from `artifact put` to live on three hosts, at once and one by one, beside one host',
  async run(bench) {
    const root = await mkdtemp(join(tmpdir(), 'pypaas-bench-rollout-'))
    const end = bench.ends.add(() => rm(root, { recursive: true, force: true }))
    const [store, artifacts] = [join(root, 'store'), join(root, 'artifacts')]
    await mkdir(store)
    const app = await createApp(join(root, 'app'), server)
    const site: Site = { store, artifacts, app, hosts: [] }
    const runs = bench.quick ? 2 : bench.runs
    await grow(site, ALONE, bench.ends)
    await publish(site, await built(site))
    const alone = await measure(bench, site, ALONE, runs)
    const rows = [
      ['', 'put', 'first host', 'all hosts: min', 'median', 'max', '/ one host'],
      row('one host', alone, alone),
    ]
    const data: object[] = [{ ...ALONE, ...alone, ratio: 1 }]
    for (const shape of SHAPES) {
      await grow(site, shape, bench.ends)
      const rolled = await measure(bench, site, shape, runs)
      rows.push(row(`${shape.hosts} hosts, max_unavailable ${shape.most}`, rolled, alone))
      data.push({ ...shape, ...rolled, ratio: rolled.all.median / alone.all.median })
    }
    bench.report({
      title: `From \`artifact put\` to the first answer of a version, ${runs} runs each`,
      rows,
      notes: [
        'All hosts share this machine, a directory store and a schedule of every second.',
        'Without `watch`: with it, each host but the last is watched for its seconds before the next one begins.',
      ],
      data,
    })
    for (const host of site.hosts) await host.stop()
    await end()
  },
}

function row(what: string, { put, first, all }: Rolled, alone: Rolled): string[] {
  return [
    what,
    seconds(put.median),
    seconds(first.median),
    seconds(all.min),
    seconds(all.median),
    seconds(all.max),
    times(all.median / alone.all.median),
  ]
}

function seconds(value: number): string {
  return `${(value / 1000).toFixed(2)} s`
}

/** Starts the hosts that are missing, and tells all how many may update at once. */
async function grow(site: Site, shape: Shape, ends: Ends): Promise<void> {
  const settings = (at: number): object => ({
    ports: appPorts(at),
    artifacts: { store: site.store },
    fleet: { host: `host${at}`, max_unavailable: shape.most },
    watch: { seconds: 0 },
  })
  for (const [at, host] of site.hosts.entries()) await host.configureMain(settings(at))
  while (site.hosts.length < shape.hosts) {
    const host = await startHost(ends, settings(site.hosts.length))
    site.hosts.push(host)
    const upstream = { repo: REPO, branch: 'main', runner: 'web' }
    await host.configure(`domains/${domainOf(REPO)}.yml`, { locations: { '/': { upstream } } })
    const source = { remote: `artifact:${REPO}/master`, schedule: EVERY_SECOND }
    const web = { type: 'NginxBackend', cmd: 'exec node server.js', stop_timeout: 1 }
    await host.configure(`repos/${REPO}.yml`, { branches: { main: { runners: { web }, source } } })
  }
  await delay(REREAD)
}

async function measure(bench: Bench, site: Site, shape: Shape, runs: number): Promise<Rolled> {
  const puts: number[] = []
  const firsts: number[] = []
  const alls: number[] = []
  for (let run = 0; run < runs; run++) {
    bench.say(`rollout: ${shape.hosts} hosts, ${shape.most} at once, ${run + 1} of ${runs}`)
    const artifact = await built(site)
    await atRest(site)
    // At another time of the second in each run: the hosts look at its beginning.
    await delay(1000 - (Date.now() % 1000) + (1000 * run) / runs)
    const { put, answers } = await publish(site, artifact)
    puts.push(put)
    firsts.push(Math.min(...answers))
    alls.push(Math.max(...answers))
  }
  return { put: spreadOf(puts), first: spreadOf(firsts), all: spreadOf(alls) }
}

interface Built {
  /** What it answers. */
  readonly answer: string
  readonly version: string
  readonly path: string
}

async function built({ app, artifacts, hosts }: Site): Promise<Built> {
  const answer = await app.next()
  const version = `1.0.${answer.replace('version ', '')}`
  const said = await hosts[0]?.pypaas([
    'artifact',
    'build',
    app.dir,
    '--version',
    version,
    '--output',
    artifacts,
  ])
  return { answer, version, path: said?.split('\n')[0] ?? '' }
}

/** Milliseconds until the command has ended, and until each host answers with the version. */
async function publish(
  { hosts }: Site,
  { answer, version, path }: Built,
): Promise<{ readonly put: number; readonly answers: readonly number[] }> {
  const failed = new AbortController()
  const start = performance.now()
  const since = (now: number): number => now - start
  const answered = hosts.map((host) =>
    firstAnswer(host.http, domainOf(REPO), answer, { signal: failed.signal, pause: PAUSE }).then(since),
  )
  const put = async (): Promise<number> => {
    try {
      await hosts[0]?.pypaas(['artifact', 'put', REPO, version, path])
      return since(performance.now())
    } catch (error) {
      failed.abort(error)
      throw error
    }
  }
  const [took, ...answers] = await Promise.all([put(), ...answered])
  return { put: took, answers }
}

/** All hosts have the newest version, and have ended what comes after it. */
async function atRest({ hosts }: Site): Promise<void> {
  const deadline = performance.now() + SOON
  for (;;) {
    const said = await hosts[0]?.pypaas(['fleet', 'status', REPO, '--json'], { reject: false })
    const [fleet] = said === undefined || said === '' ? [] : (JSON.parse(said) as FleetStatus[])
    const resting = fleet?.hosts.filter(({ version, turn }) => turn === 'none' && version === fleet.newest)
    if (resting?.length === hosts.length) return
    if (performance.now() > deadline) throw new Error(`the hosts are not at rest: ${said ?? ''}`)
    await delay(500)
  }
}
