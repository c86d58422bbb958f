/**
 * Push to live, beside the floor of the same machine in the same run: through either SSH entrance, with one
 * repo and with 100 others deployed. Prints ratios; the figures of a noisy machine mean little alone.
 */
import { join } from 'node:path'
import { createApp, plainServer, type BenchApp } from './app.ts'
import { createBareRepository, startFloorServer, timeBoot, timePush } from './floor.ts'
import { freePorts, loginName, startHost, startSshd, type BenchHost } from './host.ts'
import { firstAnswer, startLoad } from './http.ts'
import { median, milliseconds, printTable, ratio } from './table.ts'

const RUNS = Number(process.env['PYPAAS_BENCH_RUNS'] ?? 9)
const OTHERS = 100
/** Requests a second during the deploys. */
const RATE = 200

interface Measured {
  readonly entrance: string
  readonly floor: number
  readonly pushed: number
  readonly live: number
  readonly refused: string
}

const host = await startHost()
try {
  const app = await createApp(plainServer)
  await configureBranch(host, 'bench')
  const rows = [['', 'floor', 'push', 'live', 'push / floor', 'live / floor', 'refused']]
  const alone = await measureBoth(host, app)
  rows.push(...alone.map(row))
  await deployOthers(host, app)
  const crowded = await measureBoth(host, app)
  rows.push(
    ...crowded.map((measured) => row({ ...measured, entrance: `${measured.entrance}, ${OTHERS} others` })),
  )
  printTable(rows)
  for (const [index, measured] of crowded.entries()) {
    const before = alone[index]
    if (before === undefined) continue
    const growth = measured.live / measured.floor / (before.live / before.floor)
    process.stdout.write(
      `${measured.entrance}: live with ${OTHERS} others is ${growth.toFixed(2)} × live alone\n`,
    )
  }
} finally {
  await host.stop()
}

function row({ entrance, floor, pushed, live, refused }: Measured): string[] {
  return [
    entrance,
    milliseconds(floor),
    milliseconds(pushed),
    milliseconds(live),
    ratio(pushed, floor),
    ratio(live, floor),
    refused,
  ]
}

async function configureBranch(to: BenchHost, repo: string): Promise<void> {
  const runner = { type: 'NginxBackend', cmd: 'node server.mjs' }
  await to.configure(`repos/${repo}.yml`, { branches: { main: { runners: { web: runner } } } })
  const upstream = { repo, branch: 'main', runner: 'web' }
  await to.configure(`domains/${repo}.test.yml`, { locations: { '/': { upstream } } })
}

async function measureBoth(on: BenchHost, app: BenchApp): Promise<Measured[]> {
  const floorServer = await startFloorServer(on)
  const [floorPort = 0] = await freePorts(1)
  const floorSshd = await startSshd(on.home, floorPort, join(on.home, 'client', 'key.pub'))
  try {
    return [
      await measure(on, app, 'embedded server', on.embedded, floorServer.address.port),
      await measure(on, app, 'OpenSSH', on.openssh, floorPort),
    ]
  } finally {
    await floorServer.close()
    floorSshd.kill()
  }
}

/** Floor and deploy in turn, so that both see the same machine. */
async function measure(
  on: BenchHost,
  app: BenchApp,
  entrance: string,
  port: number,
  floorPort: number,
): Promise<Measured> {
  const bare = join(on.home, `floor-${floorPort}.git`)
  await createBareRepository(bare)
  const floorUrl = `ssh://${loginName()}@127.0.0.1:${floorPort}${bare}`
  const url = `ssh://${loginName()}@127.0.0.1:${port}/bench`
  const floors: number[] = []
  const pushes: number[] = []
  const lives: number[] = []
  await once(on, app, url)
  await app.push(floorUrl, on.ssh)
  for (let run = 0; run < RUNS; run++) {
    const version = await app.next()
    floors.push((await timePush(app, floorUrl, on.ssh)) + (await timeBoot(app.dir, ['node', 'server.mjs'])))
    const start = performance.now()
    const answered = firstAnswer(on.http, 'bench.test', version)
    pushes.push(await timePush(app, url, on.ssh))
    lives.push((await answered) - start)
  }
  const load = startLoad(on.http, 'bench.test', RATE)
  for (let run = 0; run < 3; run++) await once(on, app, url)
  const { sent, refused } = await load.stop()
  return {
    entrance,
    floor: median(floors),
    pushed: median(pushes),
    live: median(lives),
    refused: `${refused} of ${sent}`,
  }
}

async function once(on: BenchHost, app: BenchApp, url: string): Promise<void> {
  const version = await app.next()
  await app.push(url, on.ssh)
  await firstAnswer(on.http, 'bench.test', version)
}

/** Other repos, each with a domain and a process. */
async function deployOthers(on: BenchHost, app: BenchApp): Promise<void> {
  const repos = Array.from({ length: OTHERS }, (_, index) => `other-${index}`)
  for (const repo of repos) await configureBranch(on, repo)
  for (const repo of repos) await app.push(`ssh://${loginName()}@127.0.0.1:${on.embedded}/${repo}`, on.ssh)
}
