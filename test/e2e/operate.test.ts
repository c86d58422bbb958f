import { readdir } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { listReleases, liveRelease } from '../../src/system/state.ts'
import { domainWith, httpServer, repoWithRunners } from '../support/apps.ts'
import { createHost, type Host } from '../support/host.ts'
import { startLoad, textsOf } from '../support/load.ts'
import { SOON } from '../support/web.ts'

const REF = { repo: 'shop', branch: 'main' }

/** The repo `shop` with some processes, each of which answers with GREETING. */
function shop(greeting: string, count = 1): object {
  const web = { type: 'NginxBackend', cmd: 'node server.mjs', process_count: count }
  return repoWithRunners({ web }, { env: { GREETING: greeting } })
}

/** A host on which `shop` is live, and the repo `idle` has never been deployed. */
async function shopHost(): Promise<{ host: Host; commit: string }> {
  const host = await createHost()
  await host.configure('repos/shop.yml', shop('hello'))
  await host.configure('repos/idle.yml', shop('nobody'))
  await host.configure('domains/shop.test.yml', domainWith('shop'))
  await host.serve()
  const app = await host.app({ 'server.mjs': httpServer('process.env.GREETING') })
  const pushed = await app.git('push', host.url('shop'), 'main')
  expect(pushed.stderr).toContain('Live at')
  return { host, commit: (await app.git('rev-parse', 'HEAD')).stdout }
}

/** What `status` says beside the processes, if there is nothing to say. */
const NOTHING_SPECIAL = { frozen: null, deploying: null, reverted: null, trouble: null }

test('list and status tell what is live, for people and for programs, over SSH too', async () => {
  const { host, commit } = await shopHost()
  const { release } = (await liveRelease(host.paths, REF))!
  const url = `http://shop.test:${host.httpPort}/`
  const listed = await host.pypaas('list')
  expect(listed).toMatchObject({ status: 0, stderr: '' })
  expect(listed.stdout.split('\n')).toEqual([
    'idle main',
    '    not deployed yet',
    'shop main',
    `    live: ${release}  ${commit.slice(0, 11)} first (by alice)`,
    `    ${url}`,
  ])
  expect(await host.ssh('list')).toEqual(listed)
  const nothing = { release: null, commit: null, subject: null, by: null, since: null, urls: [] }
  const since = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string
  expect(JSON.parse((await host.ssh('list', '--json')).stdout)).toEqual([
    { repo: 'idle', branch: 'main', ...nothing },
    { ...REF, release, commit, subject: 'first', by: 'alice', since, urls: [url] },
  ])

  const status = await host.pypaas('status', 'shop')
  expect(status.stdout).toMatch(
    new RegExp(`^shop main: ${release}\n {4}web-0 {2}up {2}for \\d+ s {2}pid \\d+ {2}port \\d+$`),
  )
  expect((await host.pypaas('status', 'idle', 'main')).stdout).toBe('idle main: not deployed yet')
  const reported = JSON.parse((await host.ssh('status', '--json')).stdout) as object[]
  const [pid, port] = [expect.any(Number) as number, expect.any(Number) as number]
  expect(reported).toEqual([
    { repo: 'idle', branch: 'main', ...NOTHING_SPECIAL, release: null, processes: [] },
    {
      ...REF,
      ...NOTHING_SPECIAL,
      release,
      processes: [{ runner: 'web', index: 0, state: 'up', pid, port, since, restarts: 0, lines: [] }],
    },
  ])

  const typo = await host.ssh('status', 'shpo')
  expect(typo).toMatchObject({
    status: 2,
    stderr: 'pypaas: there is no repo "shpo"\n        did you mean shop?',
  })
  expect(await host.stop()).toEqual([])
})

test('restart starts new processes with the present configuration, and no request is refused', async () => {
  const { host } = await shopHost()
  const before = (await liveRelease(host.paths, REF))!
  const load = startLoad(host, 'shop.test', 100)
  await host.configure('repos/shop.yml', shop('bonjour', 2))
  const restarted = await host.ssh('restart', 'shop', 'main')
  expect(restarted.stdout).toContain(`shop main: restart of ${before.commit.slice(0, 11)} first`)
  expect(restarted.stdout).toContain('Starting 2 processes')
  expect(restarted.stdout).not.toContain('Building')
  expect(restarted.status).toBe(0)
  expect((await host.get('shop.test')).body).toBe('bonjour')
  // The former processes end meanwhile: what runs of a release holds its lock.
  const locks = async (): Promise<string[]> =>
    (await readdir(host.paths.servicesRealOf(REF))).filter((name) => name.endsWith('.lock'))
  await expect.poll(locks, SOON).toHaveLength(1)
  expect(textsOf(await load.stop())).toEqual(['200 bonjour', '200 hello'])

  const after = (await liveRelease(host.paths, REF))!
  expect(after.release).not.toBe(before.release)
  // The same files, not a copy of them.
  expect(after.checkout).toBe(before.checkout)
  expect(await readdir(host.paths.checkoutsOf(REF))).toEqual([before.checkout])
  expect((await host.pypaas('status', 'shop', '--json')).stdout.match(/"up"/g)).toHaveLength(2)

  // One that cannot start leaves the live release as it is.
  await host.configure('repos/shop.yml', repoWithRunners({ web: { type: 'NginxBackend', cmd: 'exit 3' } }))
  const failed = await host.pypaas('restart', 'shop', 'main')
  expect(failed.stdout).toContain('the process web-0')
  expect(failed.stdout).toContain('ended with status 3 before it was healthy')
  expect(failed.stdout).toContain(`The former release ${after.release} is still live.`)
  expect(failed.status).toBe(1)
  expect((await host.get('shop.test')).body).toBe('bonjour')
  expect(await host.stop()).toEqual([])
})

test('rebuild builds the live commit anew; without names everything that is live', async () => {
  const { host, commit } = await shopHost()
  const rebuilt = await host.ssh('rebuild', 'shop', 'main')
  expect(rebuilt.stdout).toContain(`shop main: rebuild of ${commit.slice(0, 11)} first`)
  expect(rebuilt.stdout).toContain('Building')
  expect(rebuilt.stdout).toContain(`Live at http://shop.test:${host.httpPort}/`)
  expect(rebuilt.status).toBe(0)
  const all = await host.pypaas('rebuild')
  expect(all.stdout.match(/^-----> Live/gm)).toHaveLength(1)
  expect(all).toMatchObject({ status: 0, stderr: '' })
  expect((await host.pypaas('restart')).status).toBe(0)

  const releases = await listReleases(host.paths, REF)
  expect(releases.map((each) => each.commit)).toEqual([commit, commit, commit, commit])
  expect(new Set(releases.map(({ checkout }) => checkout)).size).toBe(3)
  expect((await host.get('shop.test')).body).toBe('hello')
  for (const command of ['rebuild', 'restart']) {
    expect(await host.ssh(command, 'idle', 'main')).toMatchObject({
      status: 1,
      stderr: 'pypaas: idle main has never been deployed\n        push it first',
    })
  }
  expect(await host.stop()).toEqual([])
})
