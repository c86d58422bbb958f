/** A host on which the daemon is killed while it pulls a branch that has a source, and where that comes from. */
import { randomBytes } from 'node:crypto'
import { access, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { packTree } from '../../src/artifact/pack.ts'
import { listRecords } from '../../src/deploy/journal.ts'
import type { Version } from '../../src/pull/look.ts'
import { readPulled } from '../../src/pull/pulled.ts'
import { artifactsOf } from '../../src/store/artifacts.ts'
import { directoryStore } from '../../src/store/directory.ts'
import { script, writeFiles } from '../build/support.ts'
import { createApp } from '../support/app.ts'
import { domainWith } from '../support/apps.ts'
import { temporaryDirectory } from '../support/context.ts'
import { createHost, PYPAAS, run, type Host } from '../support/host.ts'
import { startLoad, textsOf, type Load } from '../support/load.ts'
import { gitSshCommand, makeKey, startSshd } from '../support/ssh.ts'
import { answering, DOMAIN, repoWith, SOON } from '../support/web.ts'
import { restingShape, shapeOf } from './shape.ts'
import { faulty, MAIN, type Fault, type KillPoint } from './site.ts'

export const LIVE = { ...SOON, timeout: 45_000 }
const EVERY_SECOND = '* * * * * *'
/** Bytes that do not compress, so that a download takes more than one piece. */
export const PAYLOAD = 2 ** 20

/** Where versions come from. */
export interface Upstream {
  readonly remote: string
  /** More of pypaas.yml. */
  readonly main: object
  /** What a host needs to reach it. */
  readonly reach?: (host: Host) => Promise<void>
  /** Makes a version that answers with `text`. */
  readonly publish: (text: string) => Promise<Published>
  /** What the app's hook `deployed` was told of, if there are such hooks. */
  readonly told: () => Promise<string[]>
}

/** How a version is known by: to the journal, and to the note of what was pulled. */
export interface Published {
  readonly deployed: { readonly commit?: string; readonly source?: string }
  readonly noted: Version
}

export interface PullSite {
  readonly host: Host
  /** Expects the host to be as it was, but for the version that is live; there is no daemon. */
  readonly isWhole: (at: string) => Promise<void>
  /** Starts a daemon, waits until it has brought `text` and seen to what comes after it, and ends it. */
  readonly arrives: (text: string, version: Published, env?: Record<string, string>) => Promise<void>
  readonly load: Load
  /** Starts a daemon that is killed while it pulls `text`, and looks at what becomes of that. */
  readonly killed: (text: string, fault: Fault, live?: boolean) => Promise<void>
  /** How many calls that change something a daemon makes from there on until `text` is live. */
  readonly count: (text: string, from: string) => Promise<number>
}

/** A host on which version `first` is live, with no daemon. */
export async function pullSite({ remote, main, reach, publish, told }: Upstream): Promise<PullSite> {
  const host = await createHost({
    releases: { keep: 1 },
    disk: { min_free: '1KiB' },
    drain_timeout: 5,
    ...main,
  })
  await host.configure('repos/web.yml', repoWith({ source: { remote, schedule: EVERY_SECOND } }))
  await host.configure(`domains/${DOMAIN}.yml`, domainWith('web'))
  const body = async (): Promise<string | undefined> => (await host.get(DOMAIN).catch(() => undefined))?.body
  await reach?.(host)
  const arrives: PullSite['arrives'] = async (text, { noted }, env) => {
    await host.serve(env)
    await expect.poll(body, LIVE).toBe(text)
    const ctx = { paths: host.paths }
    await expect.poll(async () => (await readPulled(ctx, MAIN))?.version, LIVE).toMatchObject(noted)
    await expect.poll(() => readdir(host.paths.unfinished), LIVE).toEqual([])
    await host.endDaemon('SIGTERM')
  }
  await arrives('first', await publish('first'))
  const whole = await restingShape(host, MAIN)
  const isWhole = async (message: string): Promise<void> => {
    await expect.poll(() => shapeOf(host, MAIN), { ...SOON, message }).toEqual(whole)
  }
  const load = startLoad(host, DOMAIN, 40)
  let present = 'first'
  let round = 0
  return {
    host,
    load,
    isWhole,
    arrives,
    async count(text, from) {
      const file = join(await temporaryDirectory(), 'count')
      await arrives(text, await publish(text), faulty({ command: 'serve', from, call: 0, count: file }))
      await isWhole(text)
      present = text
      return Number(await readFile(file, 'utf8'))
    },
    async killed(text, fault, live) {
      const at = JSON.stringify(fault)
      const version = await publish(text)
      const serve = [PYPAAS, '--home', host.home, 'serve']
      const ended = await run(process.execPath, serve, faulty({ command: 'serve', ...fault }))
      expect(ended.status, `${at}: ${ended.stdout}`).toBe(255)
      const expected = live === undefined ? [present, text] : [live ? text : present]
      expect(expected, at).toContain(await body())
      // One harmless command is enough for a whole host; and a daemon needs none before it.
      if (round++ % 2 === 0) {
        expect(await host.pypaas('list'), at).toMatchObject({ status: 0, stderr: '' })
        await isWhole(at)
        expect(expected, at).toContain(await body())
      }
      await arrives(text, version)
      await isWhole(at)
      const records = (await listRecords(host.paths, MAIN)).filter(({ result }) => result === 'succeeded')
      const { commit, source } = version.deployed
      const deploys = records.filter((one) =>
        source === undefined ? one.commit === commit : one.source === source,
      )
      expect(deploys, at).toHaveLength(1)
      if (source !== undefined) expect((await told()).at(-1), at).toBe(text)
      present = text
    },
  }
}

export async function artifactUpstream(
  main: object = {},
  more: (text: string) => Parameters<typeof writeFiles>[1] = () => ({}),
): Promise<Upstream> {
  const store = await temporaryDirectory()
  const hooks = join(await temporaryDirectory(), 'told')
  await writeFile(hooks, '')
  const artifacts = artifactsOf(await directoryStore(store))
  let number = 0
  return {
    remote: 'artifact:web/main',
    main: { artifacts: { store }, ...main },
    async publish(text) {
      const directory = await temporaryDirectory()
      const version = String(++number)
      await writeFiles(join(directory, 'files'), {
        ...more(text),
        'server.mjs': answering(text),
        'deploy/hooks/deployed': script(`#!/bin/sh\necho '${text}' >> '${hooks}'\n`),
      })
      await writeFile(join(directory, 'files', 'payload'), randomBytes(PAYLOAD))
      const archive = join(directory, 'made.tar.gz')
      await packTree(join(directory, 'files'), archive, 'tar.gz')
      await artifacts.put({ app: 'web', target: 'main', version }, archive, {})
      return { deployed: { source: `artifact:web/main@${version}` }, noted: { version } }
    },
    told: async () => (await readFile(hooks, 'utf8')).trim().split('\n'),
  }
}

export async function gitUpstream(): Promise<Upstream & { readonly bare: string }> {
  const app = await createApp({ 'server.mjs': '' })
  const bare = join(await temporaryDirectory(), 'web.git')
  await app.git('clone', '-q', '--bare', app.dir, bare)
  return {
    bare,
    remote: `${bare}#main`,
    main: {},
    async publish(text) {
      const commit = await app.commit({ 'server.mjs': answering(text) })
      const { status, stderr } = await app.git('push', '-q', bare, 'main')
      expect(status, stderr).toBe(0)
      return { deployed: { commit }, noted: { commit } }
    },
    told: () => Promise.resolve([]),
  }
}

/** The same over SSH, with a server that sends nothing of what is fetched while it is held. */
export async function haltingUpstream(): Promise<
  Upstream & {
    readonly hold: () => Promise<void>
    readonly begun: () => Promise<boolean>
    readonly go: () => Promise<void>
  }
> {
  const upstream = await gitUpstream()
  const own = await temporaryDirectory()
  const [held, begun, pack] = [join(own, 'held'), join(own, 'begun'), join(own, 'pack')]
  // git-config(1), uploadpack.packObjectsHook: runs in the place of what packs.
  const waits = `while [ -e ${held} ]; do touch ${begun}; sleep 0.02; done`
  await writeFile(pack, `#!/bin/sh\n${waits}\nexec "$@"\n`, { mode: 0o755 })
  const key = await makeKey(own, 'puller')
  const authorizedKeys = join(own, 'authorized_keys')
  const serves = `git -c uploadpack.packObjectsHook=${pack} upload-pack ${upstream.bare}`
  await writeFile(authorizedKeys, `command="${serves}" ${key.line}\n`)
  const sshd = await startSshd({ dir: own, authorizedKeys })
  const ssh = gitSshCommand(key, sshd.port, join(own, 'known_hosts'))
  const go = (): Promise<void> => rm(held, { force: true })
  onTestFinished(go)
  return {
    ...upstream,
    remote: `git+ssh://${sshd.user}@127.0.0.1:${sshd.port}${upstream.bare}#main`,
    reach: ({ home }) => writeFile(join(home, '.gitconfig'), `[core]\nsshCommand = ${ssh}\n`),
    hold: () => writeFile(held, ''),
    begun: () =>
      access(begun).then(
        () => true,
        () => false,
      ),
    go,
  }
}

/** Ends the load: no request was refused, and each was answered by a version. */
export async function expectServed({ load }: PullSite): Promise<void> {
  const answers = textsOf(await load.stop())
  expect(answers.filter((text) => !text.startsWith('200 version '))).toEqual(['200 first'])
}

/** Numbers from 1 to `total`, evenly spread. */
export function spread(total: number, points: number): number[] {
  return Array.from({ length: points }, (_, at) => 1 + Math.floor((at * total) / points))
}

/** Some of the points before SWITCH, and all from there on. */
export function some(points: readonly KillPoint[]): KillPoint[] {
  return points.filter(({ when, live }, at) => live || (when === 'after' && at % 3 === 1))
}
