/** Ten hosts, each with a daemon and ports of its own, that pull one app from one repository of artifacts. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { buildArtifact } from '../../src/artifact/build.ts'
import type { FleetStatus } from '../../src/fleet/status.ts'
import { artifactsOf } from '../../src/store/artifacts.ts'
import { directoryStore } from '../../src/store/directory.ts'
import { silent } from '../../src/system/output.ts'
import { liveRelease } from '../../src/system/state.ts'
import { createApp } from '../support/app.ts'
import { repoWithRunners } from '../support/apps.ts'
import { temporaryDirectory, testContext } from '../support/context.ts'
import { createHost, type Host } from '../support/host.ts'

const HOSTS = 10
/** Hosts wait for each other, and the machine may be busy. */
const SOON = { timeout: 120_000, interval: 200 }
/** Seconds that the turn of a host that is gone lasts. */
const TURN = 8

interface Fleet {
  readonly hosts: readonly Host[]
  publish(version: string, server: string): Promise<void>
  /** From a machine that is none of the hosts. */
  status(): Promise<{ readonly exit: number; readonly fleet: FleetStatus | undefined }>
  /** The same for people. */
  shown(): Promise<string>
  /** What each host answers. */
  readonly answers: () => Promise<(string | undefined)[]>
}

/** Answers with its version once the file `gate` is there. */
function server(version: string, gate: string): string {
  return `
import { createServer } from 'node:http'
import { existsSync } from 'node:fs'
const look = setInterval(() => {
  if (!existsSync(${JSON.stringify(gate)})) return
  clearInterval(look)
  createServer((request, response) => response.end(${JSON.stringify(version)})).listen(process.env.PORT, '127.0.0.1')
}, 20)
`
}

async function createFleet(): Promise<Fleet> {
  const store = join(await temporaryDirectory(), 'store')
  await mkdir(store)
  const app = await createApp({ 'package.json': '{"name": "shop", "type": "module"}' })
  const builder = await testContext()
  const output = await temporaryDirectory()
  const artifacts = artifactsOf(await directoryStore(store))
  const hosts: Host[] = []
  for (let at = 0; at < HOSTS; at++) {
    const fleet = { host: `host${at}`, turn_timeout: TURN }
    const host = await createHost({ nginx: { mode: 'none' }, artifacts: { store }, fleet })
    const source = { remote: 'artifact:shop/master', schedule: '* * * * * *' }
    const web = { type: 'NginxBackend', cmd: 'exec node server.js', stop_timeout: 1, health: { timeout: 30 } }
    await host.configure('repos/shop.yml', repoWithRunners({ web }, { source }))
    hosts.push(host)
  }
  const machine = await createHost({ artifacts: { store } })
  return {
    hosts,
    async publish(version, text) {
      await app.commit({ 'server.js': text })
      const wanted = {
        source: app.dir,
        version,
        output,
        format: 'tar.gz',
        download: true,
        cwd: app.dir,
      } as const
      const { path } = await buildArtifact(builder, wanted, silent, new AbortController().signal)
      await artifacts.put({ app: 'shop', version }, path, {})
    },
    async status() {
      const { status, stdout, stderr } = await machine.pypaas('fleet', 'status', 'shop', '--json')
      if (stderr !== '') throw new Error(stderr)
      return { exit: status, fleet: (JSON.parse(stdout) as FleetStatus[])[0] }
    },
    shown: async () => (await machine.pypaas('fleet', 'status')).stdout,
    answers: () => Promise.all(hosts.map(answerOf)),
  }
}

async function answerOf(host: Host): Promise<string | undefined> {
  const live = await liveRelease(host.paths, { repo: 'shop', branch: 'main' })
  const port = live?.runners[0]?.ports[0]
  if (port === undefined) return undefined
  const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)
  return answer?.text()
}

function all(version: string): string[] {
  return Array.from({ length: HOSTS }, () => version)
}

it(
  'a version rolls over ten hosts one by one, a broken one stops at the first, and a host that dies holds up nobody for long',
  {
    timeout: 400_000,
  },
  async () => {
    const fleet = await createFleet()
    const { hosts } = fleet
    const gates = await temporaryDirectory()
    const gate = (name: string): string => join(gates, name)
    await writeFile(gate('open'), '')
    await fleet.publish('1.0.0', server('1.0.0', gate('open')))
    await Promise.all(hosts.map((host) => host.serve()))

    // Rolling: never two at once, until all have it.
    let atOnce = 0
    await expect
      .poll(async () => {
        const { fleet: seen } = await fleet.status()
        atOnce = Math.max(atOnce, seen?.hosts.filter(({ turn }) => turn === 'has').length ?? 0)
        return seen?.hosts.map(({ version, health, why = '' }) => `${version} ${health} ${why}`)
      }, SOON)
      .toEqual(all('1.0.0 healthy '))
    expect(atOnce).toBe(1)
    expect(await fleet.answers()).toEqual(all('1.0.0'))
    await expect.poll(async () => (await fleet.status()).exit, SOON).toBe(0)

    // Broken: one host has tried it and is back; the others say why they did not.
    await fleet.publish('2.0.0', 'process.exit(1)')
    await expect
      .poll(
        async () => (await fleet.status()).fleet?.hosts.filter(({ why }) => why !== undefined).length,
        SOON,
      )
      .toBe(HOSTS)
    const broken = await fleet.status()
    const first = broken.fleet?.stopped?.host ?? ''
    expect(broken.exit).toBe(1)
    expect(broken.fleet).toMatchObject({ newest: '2.0.0', stopped: { version: '2.0.0' } })
    expect(await fleet.shown()).toMatch(new RegExp(`^    stopped: 2\\.0\\.0 failed on ${first} at `, 'm'))
    const said = broken.fleet?.hosts.map(({ host, version, health, why }) => ({ host, version, health, why }))
    expect(said).toEqual(
      hosts.map((_, at) => ({
        host: `host${at}`,
        version: '1.0.0',
        health: `host${at}` === first ? 'failed' : 'healthy',
        why: `host${at}` === first ? broken.fleet?.stopped?.why : `kept back: it failed on ${first}`,
      })),
    )
    expect(await fleet.answers()).toEqual(all('1.0.0'))

    // Killed while it has the turn: its time runs out, and the others go on.
    await fleet.publish('3.0.0', server('3.0.0', gate('third')))
    const holder = async (): Promise<string | undefined> =>
      (await fleet.status()).fleet?.hosts.find(({ turn, to }) => turn === 'has' && to === '3.0.0')?.host
    await expect.poll(holder, SOON).toBeDefined()
    const killed = Number((await holder())?.slice('host'.length))
    await hosts[killed]?.endDaemon('SIGKILL')
    await writeFile(gate('third'), '')
    const others = all('3.0.0').with(killed, '1.0.0')
    await expect.poll(fleet.answers, SOON).toEqual(others)
    expect((await fleet.status()).fleet?.hosts[killed]).toMatchObject({ version: '1.0.0', turn: 'lost' })

    // It comes back, undoes what it had begun, and has its turn like any other.
    await hosts[killed]?.serve()
    await expect.poll(fleet.answers, SOON).toEqual(all('3.0.0'))
    await expect
      .poll(async () => {
        const { exit, fleet: seen } = await fleet.status()
        return { exit, stopped: seen?.stopped, turns: seen?.hosts.map(({ turn }) => turn) }
      }, SOON)
      .toEqual({ exit: 0, stopped: null, turns: all('none') })
  },
)
