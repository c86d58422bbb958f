import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createApp, type App } from '../support/app.ts'
import { domainWith } from '../support/apps.ts'
import { temporaryDirectory } from '../support/context.ts'
import { createHost, type Host } from '../support/host.ts'
import { answering, DOMAIN, repoWith, SOON } from '../support/web.ts'

const LIVE = { ...SOON, timeout: 45_000 }

it('what is put into the repository of artifacts goes live on a host that pulls it', async () => {
  const { store, app, publish } = await publisher()
  await publish('1.9', answering('one'))
  const host = await pullingHost('solo', store)
  await host.serve()
  await answers(host, 'one')
  const commit = (await app.git('rev-parse', 'HEAD')).stdout
  // It answers a moment before its journal says so.
  await expect
    .poll(async () => (await deploysOf(host))[0], LIVE)
    .toMatchObject({
      kind: 'pull',
      source: 'artifact:shop/master@1.9',
      commit,
      result: 'succeeded',
    })
  await publish('1.10', answering('ten'))
  await answers(host, 'ten')
  const left = async (): Promise<string[]> => {
    const checkouts = await readdir(host.paths.checkoutsOf({ repo: 'web', branch: 'main' }))
    return [...(await readdir(host.paths.pullCache)), ...checkouts.filter((name) => name.startsWith('.'))]
  }
  await expect.poll(left, LIVE).toEqual([])
  expect((await host.pypaas('rollback', 'web', 'main')).status).toBe(0)
  await answers(host, 'one')
  expect((await host.pypaas('pull', 'web', 'main')).stdout).toMatch(/nothing new$/)
})

it('why nothing is pulled is said by `status`, until something is', async () => {
  const { store, publish } = await publisher()
  const host = await pullingHost('solo', store)
  await host.serve()
  const status = async (): Promise<string> => (await host.pypaas('status', 'web', 'main')).stdout
  await expect
    .poll(status, LIVE)
    .toMatch(
      /^web main: not deployed yet\n {4}not pulled from artifact:shop since \S+Z: .* has no shop\.tar\.gz of shop master\n {8}`artifact put`/,
    )
  await publish('1', answering('one'))
  await answers(host, 'one')
  await expect.poll(status, LIVE).not.toContain('not pulled')
  await publish('2', 'process.exit(1)')
  await expect.poll(status, LIVE).toMatch(/\n {4}not pulled from .* ended with status 1 /)
  await publish('3', answering('three'))
  await answers(host, 'three')
  await expect.poll(status, LIVE).not.toContain('not pulled')
})

it('a version that failed and is taken back stops nothing any more', async () => {
  const { store, publish } = await publisher()
  await publish('1', answering('one'))
  const host = await pullingHost('solo', store, { fleet: { host: 'solo' } })
  await host.serve()
  const fleet = async (): Promise<string> => {
    const { status, stdout } = await host.pypaas('fleet', 'status')
    return `${status} ${stdout}`
  }
  await expect.poll(fleet, LIVE).toMatch(/^0 .*\n {4}solo {2}1 {2}healthy {4}/)
  await publish('2', 'process.exit(1)')
  await expect
    .poll(fleet, LIVE)
    .toMatch(/^1 .*\n {4}solo {2}1 {2}failed .* 2: [^]*\n {4}stopped: 2 failed on solo/)
  await host.pypaas('artifact', 'delete', 'shop', '2')
  await expect.poll(fleet, LIVE).toMatch(/^0 shop\/master: newest 1\n {4}solo {2}1 {2}healthy {4}for \S+ s$/)
  await expect.poll(async () => (await host.pypaas('status')).stdout, LIVE).not.toContain('not pulled')
})

it('a version that fails on one host of a fleet stays away from the others', async () => {
  const { store, publish } = await publisher()
  await publish('1', answering('one'))
  const fleet = { max_unavailable: 1 }
  const hosts = await Promise.all(
    ['first', 'second'].map((name) => pullingHost(name, store, { fleet: { ...fleet, host: name } })),
  )
  for (const host of hosts) await host.serve()
  for (const host of hosts) await answers(host, 'one')
  await publish('2', 'process.exit(1)')
  const failures = async (): Promise<string[]> =>
    (await Promise.all(hosts.map(deploysOf)))
      .flat()
      .flatMap(({ result }) => (result === 'failed' ? [result] : []))
  await expect.poll(failures, LIVE).toEqual(['failed'])
  for (const host of hosts) {
    const pulled = await host.pypaas('pull', 'web', 'main')
    expect(pulled.status).toBe(4)
    expect(pulled.stderr).toMatch(/the roll-out of shop\/master 2 is stopped/)
  }
  expect(await failures()).toEqual(['failed'])
  for (const host of hosts) expect((await host.get(DOMAIN)).body).toBe('one')
  await publish('3', answering('three'))
  for (const host of hosts) await answers(host, 'three')
}, 180_000)

interface Deployed {
  readonly source?: string
  readonly result: string
}

async function deploysOf(host: Host): Promise<Deployed[]> {
  return JSON.parse((await host.pypaas('deploys', 'web', 'main', '--json')).stdout) as Deployed[]
}

/** A build host with an app, and a directory for its artifacts that others share. */
async function publisher(): Promise<{
  store: string
  app: App
  publish: (version: string, server: string) => Promise<void>
}> {
  const store = await temporaryDirectory()
  const output = join(await temporaryDirectory(), 'dist')
  await mkdir(output)
  const host = await createHost({ artifacts: { store } })
  const app = await createApp({ 'server.mjs': '', 'package.json': '{"name": "shop"}' })
  const succeed = async (...args: string[]): Promise<void> => {
    const { status, stdout, stderr } = await host.pypaas(...args)
    if (status !== 0) throw new Error(`${stdout}\n${stderr}`)
  }
  return {
    store,
    app,
    async publish(version, server) {
      await app.commit({ 'server.mjs': server })
      const before = new Set(await readdir(output))
      await succeed('artifact', 'build', '--version', version, '--output', output, app.dir)
      const [made = ''] = (await readdir(output)).filter((name) => !before.has(name))
      await succeed('artifact', 'put', 'shop', version, join(output, made))
    },
  }
}

async function pullingHost(name: string, store: string, more: object = {}): Promise<Host> {
  const host = await createHost({ artifacts: { store }, ...more })
  const source = { remote: 'artifact:shop', schedule: '* * * * * *' }
  await host.configure('repos/web.yml', repoWith({ source, env: { HOST_NAME: name } }))
  await host.configure(`domains/${DOMAIN}.yml`, domainWith('web'))
  return host
}

async function answers(host: Host, text: string): Promise<void> {
  await expect.poll(async () => (await host.get(DOMAIN).catch(() => undefined))?.body, LIVE).toBe(text)
}
