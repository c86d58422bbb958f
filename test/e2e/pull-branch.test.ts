import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createApp, type App } from '../support/app.ts'
import { domainWith } from '../support/apps.ts'
import { temporaryDirectory } from '../support/context.ts'
import { startFileServer } from '../support/file-server.ts'
import { createHost, type Host } from '../support/host.ts'
import { startLoad, textsOf } from '../support/load.ts'
import { packed } from '../support/pull.ts'
import { answering, DOMAIN, repoWith, SOON } from '../support/web.ts'

const EVERY_SECOND = '* * * * * *'
const LIVE = { ...SOON, timeout: 40_000 }

it('a branch with a git source goes live by itself, commit after commit, and takes no pushes', async () => {
  const { app, publish, remote } = await upstream({ 'server.mjs': answering('one') })
  const host = await pullingHost(remote)
  await host.serve()
  await answers(host, 'one')
  // Until then a worker of nginx may still say that nothing is live.
  await expect.poll(async () => (await deploysOf(host))[0]?.result, LIVE).toBe('succeeded')
  const load = startLoad(host, DOMAIN, 50)
  await app.commit({ 'server.mjs': answering('two') })
  const commit = await publish()
  await answers(host, 'two')
  expect(textsOf(await load.stop())).toEqual(['200 one', '200 two'])

  // It answers a moment before its journal says so.
  await expect
    .poll(async () => (await deploysOf(host))[0], LIVE)
    .toMatchObject({ kind: 'pull', commit, by: 'pull', result: 'succeeded' })
  // What is live can be cloned, and gone back from.
  const refused = await host.app({ 'server.mjs': answering('pushed') })
  expect((await refused.git('ls-remote', host.url('web'), 'main')).stdout).toContain(commit)
  const { status, stderr } = await refused.git('push', '--force', host.url('web'), 'main')
  expect(status).not.toBe(0)
  expect(stderr).toContain(`the branch main of web is pulled from ${remote} and takes no pushes`)
  expect((await host.get(DOMAIN)).body).toBe('two')
})

it('what fails leaves the former release live, and what was gone back from stays away', async () => {
  const { app, publish, remote } = await upstream({ 'server.mjs': answering('one') })
  const host = await pullingHost(remote)
  await host.serve()
  await answers(host, 'one')
  await app.commit({ 'server.mjs': 'process.exit(1)' })
  const broken = await publish()
  const results = async (): Promise<string[]> =>
    (await deploysOf(host)).filter(({ commit }) => commit === broken).map(({ result }) => result)
  await expect.poll(results, LIVE).toEqual(['failed'])
  // Asked for by hand, it is tried again at once.
  expect((await host.pypaas('pull', 'web', 'main')).status).toBe(1)
  await expect.poll(results, LIVE).toEqual(['failed', 'failed'])
  expect((await host.get(DOMAIN)).body).toBe('one')
  await app.commit({ 'server.mjs': answering('three') })
  await publish()
  await answers(host, 'three')
  const { status, stderr } = await host.pypaas('rollback', 'web', 'main')
  expect(stderr).toBe('')
  expect(status).toBe(0)
  await answers(host, 'one')
  const pulled = await host.pypaas('pull', 'web', 'main')
  expect(pulled.status).toBe(0)
  expect(pulled.stdout).toMatch(/nothing new$/)
  expect((await host.get(DOMAIN)).body).toBe('one')
})

it('a branch may come from an archive at a URL, which is built and deployed', async () => {
  const server = await startFileServer()
  const archive = join(server.root, 'app.tar.gz')
  await packed(archive, { 'server.mjs': answering('one'), '.build.sh': 'echo built > built' })
  const host = await pullingHost(`${server.url}/app.tar.gz`)
  await host.serve()
  await answers(host, 'one')
  const checkout = join(host.paths.currentCheckout({ repo: 'web', branch: 'main' }))
  expect(await readFile(join(checkout, 'server.mjs'), 'utf8')).toBe(answering('one'))
  await packed(archive, { 'server.mjs': answering('another'), '.build.sh': 'exit 1' })
  await expect.poll(async () => (await host.pypaas('deploys', 'web', 'main')).stdout, LIVE).toMatch(/failed/)
  expect((await host.get(DOMAIN)).body).toBe('one')
  await packed(archive, { 'server.mjs': answering('third') })
  await answers(host, 'third')
  // Killed before it could note what it has deployed, it finds that live.
  const deploys = async (): Promise<number> =>
    (await host.pypaas('deploys', 'web', 'main')).stdout.split('\n').length
  const before = await deploys()
  await rm(host.paths.pulled({ repo: 'web', branch: 'main' }))
  expect((await host.pypaas('pull', 'web', 'main')).stdout).toMatch(/nothing new$/)
  expect(await deploys()).toBe(before)
  expect((await host.pypaas('rollback', 'web', 'main')).status).toBe(0)
  await answers(host, 'one')
})

it('a source that is configured while the daemon runs is found', async () => {
  const { remote } = await upstream({ 'server.mjs': answering('one') })
  const host = await createHost()
  await host.serve()
  await configure(host, remote)
  await answers(host, 'one')
  expect((await host.pypaas('list')).stdout).toMatch(/web/)
})

it('a source or schedule with a mistake is shown by check', async () => {
  const host = await createHost()
  await host.configure('repos/web.yml', repoWith({ source: { remote: 'web', schedule: 'often' } }))
  const { status, stdout, stderr } = await host.pypaas('check')
  expect(status).toBe(2)
  expect(stdout + stderr).toMatch(/branches\.main\.source\.remote: it is no remote/)
  expect(stdout + stderr).toMatch(/branches\.main\.source\.schedule: expected a schedule/)
})

interface Deployed {
  readonly commit: string
  readonly result: string
}

async function deploysOf(host: Host): Promise<Deployed[]> {
  return JSON.parse((await host.pypaas('deploys', 'web', 'main', '--json')).stdout) as Deployed[]
}

/** A repository that developers push to, and a working copy of it. */
async function upstream(
  files: Parameters<typeof createApp>[0],
): Promise<{ app: App; publish: () => Promise<string>; remote: string }> {
  const app = await createApp(files)
  const bare = join(await temporaryDirectory(), 'web.git')
  await app.git('clone', '-q', '--bare', app.dir, bare)
  const publish = async (): Promise<string> => {
    const { status, stderr } = await app.git('push', '-q', bare, 'main')
    if (status !== 0) throw new Error(stderr)
    return (await app.git('rev-parse', 'HEAD')).stdout
  }
  return { app, publish, remote: `${bare}#main` }
}

async function pullingHost(remote: string): Promise<Host> {
  const host = await createHost()
  await configure(host, remote)
  return host
}

async function configure(host: Host, remote: string): Promise<void> {
  await host.configure('repos/web.yml', repoWith({ source: { remote, schedule: EVERY_SECOND } }))
  await host.configure(`domains/${DOMAIN}.yml`, domainWith('web'))
}

async function answers(host: Host, text: string): Promise<void> {
  await expect.poll(async () => (await host.get(DOMAIN).catch(() => undefined))?.body, LIVE).toBe(text)
}
