/** A poll that finds nothing new: what it asks, what is sent, and what it costs the host. */
import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { packTree } from '../src/artifact/pack.ts'
import { parseRemote } from '../src/config/remote.ts'
import type { Context } from '../src/context.ts'
import { openContext } from '../src/host.ts'
import type { Version } from '../src/pull/look.ts'
import { lookAt } from '../src/pull/remote.ts'
import { silent } from '../src/system/output.ts'
import { createApp, plainServer } from './app.ts'
import { startFileServer, type Traffic } from './file-server.ts'
import { loginName, startHost, type BenchHost } from './host.ts'
import { startRelay } from './relay.ts'
import { startSshd } from './sshd.ts'
import type { Ends, Subject } from './subject.ts'
import { mebibytes, milliseconds } from './table.ts'
import { costSince, costSoFar, type Cost } from './usage.ts'

/** Polls that are not measured: what is loaded once has been, and connections that are kept are open. */
const WARM = 5
/** Polls whose bytes are counted where counting costs something. */
const COUNTED = 5

interface Source {
  readonly name: string
  readonly remote: string
  readonly polls: number
  /** Undefined: nothing goes over the network. */
  readonly counted?: { readonly remote: string; traffic(): Promise<Traffic> }
}

/** Everything is of one poll. */
interface Poll {
  readonly name: string
  readonly polls: number
  readonly cost: Cost
  /** Milliseconds. */
  readonly time: number
  readonly traffic: Traffic | undefined
}

export const polls: Subject = {
  name: 'polls',
  about: 'a poll of a git, http or artifact source that finds nothing new: requests, bytes, CPU',
  async run(bench) {
    const host = await startHost(bench.ends)
    const [many, few] = bench.quick ? [200, 20] : [2000, 200]
    const archive = join(host.client, 'archive.tar.gz')
    const size = await makeArchive(host, archive, bench.quick ? 2 : 30)
    const ctx = await contextOf(host, archive)
    const measured: Poll[] = []
    for (const source of await sourcesOf(host, archive, { many, few }, bench.ends)) {
      bench.say(`polls: ${source.name}`)
      measured.push(await measure(ctx, source, join(host.client, 'polls', String(measured.length))))
    }
    bench.report({
      title: `A poll that finds nothing new; the archives have ${mebibytes(size)}`,
      rows: [
        [
          '',
          'polls',
          'requests',
          'sent',
          'received',
          'read calls',
          'CPU',
          'of children',
          'time',
          'of a core',
        ],
        ...measured.map(row),
      ],
      notes: [
        'Each is the mean of one poll. Requests: of HTTP, by the access log of nginx; connections of ssh, by a relay.',
        'CPU: of this process, with its children (git, ssh) by cutime and cstime of /proc; not that of servers.',
        'Read calls: bytes from files, pipes and sockets, programs that are loaded included. Of a core: at a poll a second.',
      ],
      data: { archive: size, polls: measured },
    })
    await host.stop()
  },
}

function row({ name, polls: count, cost, time, traffic }: Poll): string[] {
  const cpu = cost.own + cost.children
  return [
    name,
    String(count),
    traffic === undefined ? '' : traffic.requests.toFixed(1),
    traffic === undefined ? '' : `${Math.round(traffic.sent)} B`,
    traffic === undefined ? '' : `${Math.round(traffic.received)} B`,
    `${Math.round(cost.read)} B`,
    `${cpu.toFixed(2)} ms`,
    `${cost.children.toFixed(2)} ms`,
    milliseconds(time),
    // Milliseconds of a second.
    `${(cpu / 10).toFixed(2)} %`,
  ]
}

/** Bytes of an archive whose content does not compress. */
async function makeArchive(host: BenchHost, archive: string, parts: number): Promise<number> {
  const tree = join(host.client, 'tree')
  await mkdir(tree)
  for (let part = 0; part < parts; part++) {
    await writeFile(join(tree, `part-${part}`), randomBytes(2 ** 20))
  }
  const { size } = await packTree(tree, archive, 'tar.gz')
  await rm(tree, { recursive: true })
  return size
}

/** The host's own context, with a store of artifacts that has one; git logs in with the client's key. */
async function contextOf(host: BenchHost, archive: string): Promise<Context> {
  const store = join(host.client, 'store')
  await mkdir(store)
  await host.configureMain({ artifacts: { store } })
  await host.pypaas(['artifact', 'put', 'shop', '1.0.0', archive])
  const log = { info() {}, warn() {}, error() {} }
  const ctx = await openContext({ home: host.home, log, unconfigured: false })
  return { ...ctx, baseEnv: { ...ctx.baseEnv, GIT_SSH_COMMAND: host.ssh } }
}

async function sourcesOf(
  host: BenchHost,
  archive: string,
  { many, few }: { readonly many: number; readonly few: number },
  ends: Ends,
): Promise<Source[]> {
  const app = await createApp(join(host.client, 'apps', 'shop'), plainServer)
  await app.next()
  const bare = join(host.client, 'shop.git')
  await execa('git', ['clone', '-q', '--bare', app.dir, bare], { stdin: 'ignore' })
  const sshd = await startSshd(host.client, join(host.client, 'key.pub'), ends)
  const relay = await startRelay(sshd.port, ends)
  const overSsh = (port: number): string => `git+ssh://${loginName()}@127.0.0.1:${port}${bare}#main`
  const server = await startFileServer(join(host.client, 'files'), ends)
  await copyFile(archive, join(server.root, 'shop.tar.gz'))
  const url = `${server.url}/shop.tar.gz`
  return [
    { name: 'git, a path', remote: `${bare}#main`, polls: few },
    {
      name: 'git, OpenSSH',
      remote: overSsh(sshd.port),
      polls: few,
      counted: { remote: overSsh(relay.port), traffic: () => relay.traffic() },
    },
    {
      name: 'http, nginx',
      remote: url,
      polls: many,
      counted: { remote: url, traffic: () => server.traffic() },
    },
    { name: 'artifact, directory', remote: 'artifact:shop/master', polls: many },
  ]
}

async function measure(
  ctx: Context,
  { name, remote, polls: count, counted }: Source,
  dir: string,
): Promise<Poll> {
  const poll = await pulled(ctx, remote, dir)
  for (let warm = 0; warm < WARM; warm++) await poll(remote)
  const before = costSoFar()
  const start = performance.now()
  for (let at = 0; at < count; at++) await poll(remote)
  const time = (performance.now() - start) / count
  const { own, children, read } = costSince(before)
  const cost = { own: own / count, children: children / count, read: read / count }
  if (counted === undefined) return { name, polls: count, cost, time, traffic: undefined }
  const former = await counted.traffic()
  for (let at = 0; at < COUNTED; at++) await poll(counted.remote)
  const later = await counted.traffic()
  const each = (key: keyof Traffic): number => (later[key] - former[key]) / COUNTED
  const traffic = { requests: each('requests'), sent: each('sent'), received: each('received') }
  return { name, polls: count, cost, time, traffic }
}

/** Pulls for the first time; then returns what polls, with what is known by now. */
async function pulled(ctx: Context, first: string, dir: string): Promise<(remote: string) => Promise<void>> {
  const { signal } = new AbortController()
  const look = (remote: string, known: Version | undefined): ReturnType<typeof lookAt> => {
    const parsed = parseRemote(remote)
    if (typeof parsed === 'string') throw new Error(`${remote}: ${parsed}`)
    return lookAt(ctx, parsed, { known, cache: join(dir, 'cache'), owner: 'bench', output: silent, signal })
  }
  await mkdir(dir, { recursive: true })
  const begun = await look(first, undefined)
  if ('same' in begun) throw new Error(`${first}: nothing new at the first look`)
  await begun.news.place(join(dir, 'tree'))
  await begun.news.settled()
  const { version } = begun.news
  return async (remote) => {
    if ('news' in (await look(remote, version))) throw new Error(`${remote}: news where there are none`)
  }
}
