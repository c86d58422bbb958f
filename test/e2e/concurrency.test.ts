/** Pushes at the same time. */
import { expect, test } from 'vitest'
import { listReleases, liveReleaseName } from '../../src/system/state.ts'
import { domainWith } from '../support/apps.ts'
import { begun, holding, release } from '../support/hold.ts'
import { createHost } from '../support/host.ts'
import { workersIn } from '../support/traces.ts'
import { answering, createSite, DOMAIN, liveSite, repoWith, SOON } from '../support/web.ts'

const WAITING = /-----> Waiting for the push of web main \(\w{11}\) by alice, since \d{4}-\S+Z/
const main = { repo: 'web', branch: 'main' }

test('a push waits for the one before it, says so, and goes on from there', async () => {
  const { host, app, configure } = await liveSite()
  await configure({ hooks: { build: holding('$(cat name)') } })
  await app.commit({ 'server.mjs': answering('two'), name: 'first' })
  const first = app.start('push', host.url('web'), 'main')
  await begun(host, 'first')
  const commit = await app.commit({ 'server.mjs': answering('three'), name: 'second' })
  const second = app.start('push', host.url('web'), 'main')
  await expect.poll(() => second.said(), SOON).toMatch(WAITING)
  await release(host, 'first')
  expect((await first.ended).status).toBe(0)
  await begun(host, 'second')
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
  await release(host, 'second')
  expect((await second.ended).status).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'three' })
  expect((await app.git('ls-remote', host.url('web'), 'main')).stdout).toBe(`${commit}\trefs/heads/main`)
  expect(await host.stop()).toEqual([])
})

test('a push that has waited does not take away what another has brought meanwhile', async () => {
  const { host, app, configure } = await liveSite()
  await configure({ hooks: { build: holding('build') } })
  const commit = await app.commit({ 'server.mjs': answering('two') })
  const first = app.start('push', host.url('web'), 'main')
  await begun(host, 'build')
  await app.git('reset', '-q', '--hard', 'HEAD~1')
  await app.commit({ 'server.mjs': answering('three') })
  const second = app.start('push', host.url('web'), 'main')
  await expect.poll(() => second.said(), SOON).toMatch(WAITING)
  await release(host, 'build')
  expect((await first.ended).status).toBe(0)
  expect((await second.ended).status).not.toBe(0)
  expect(second.said()).toContain(' !     the branch main has moved while this push waited')
  expect(second.said()).toContain(' !     somebody else has pushed: `git pull`, then push again')
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
  expect((await app.git('ls-remote', host.url('web'), 'main')).stdout).toBe(`${commit}\trefs/heads/main`)
  expect(await host.stop()).toEqual([])
})

test('two pushes of the same branches in opposite order both come to an end', async () => {
  const { host, app } = await createSite()
  await host.configure(
    'repos/web.yml',
    repoWith({ hooks: { build: holding('$(cat name)') } }, {}, ['a', 'b']),
  )
  await app.commit({ name: 'first' })
  const first = app.start('push', host.url('web'), 'HEAD:a', 'HEAD:b')
  await begun(host, 'first')
  await app.commit({ name: 'second' })
  const second = app.start('push', host.url('web'), 'HEAD:b', 'HEAD:a')
  await begun(host, 'second')
  await release(host, 'first')
  await release(host, 'second')
  await Promise.all([first.ended, second.ended])
  expect(first.said()).toMatch(/\* \[new branch\] +HEAD -> a/)
  expect(second.said()).toMatch(/\* \[new branch\] +HEAD -> b/)
  expect(await host.stop()).toEqual([])
})

test('other branches and repos deploy while one builds, and foobar does not notice foo', async () => {
  const host = await createHost()
  await host.configure('repos/foo.yml', repoWith({}, {}, ['main', 'main-next']))
  await host.configure('repos/foobar.yml', repoWith())
  await host.configure('domains/foo.test.yml', domainWith('foo'))
  await host.configure('domains/foobar.test.yml', domainWith('foobar'))
  await host.serve()
  const app = await host.app({ 'server.mjs': answering('one') })
  const pushes = [
    app.git('push', host.url('foo'), 'main'),
    app.git('push', host.url('foo'), 'main:main-next'),
    app.git('push', host.url('foobar'), 'main'),
  ]
  for (const { status, stderr } of await Promise.all(pushes)) expect(status, stderr).toBe(0)
  const ofOthers = async (): Promise<string[]> =>
    workersIn(host.home, [
      host.paths.checkoutsOf({ repo: 'foobar', branch: 'main' }),
      host.paths.checkoutsOf({ repo: 'foo', branch: 'main-next' }),
    ])
  const others = await ofOthers()
  expect(others).toHaveLength(2)

  await host.configure(
    'repos/foo.yml',
    repoWith({ hooks: { build: holding('foo') } }, {}, ['main', 'main-next']),
  )
  await app.commit({ 'server.mjs': answering('two') })
  const held = app.start('push', host.url('foo'), 'main')
  await begun(host, 'foo')
  expect(await ofOthers()).toEqual(others)
  await app.commit({ 'server.mjs': answering('three') })
  expect((await app.git('push', host.url('foobar'), 'main')).status).toBe(0)
  expect(await host.get('foobar.test')).toMatchObject({ status: 200, body: 'three' })
  expect(await host.get('foo.test')).toMatchObject({ status: 200, body: 'one' })
  await release(host, 'foo')
  expect((await held.ended).status).toBe(0)
  expect(await host.get('foo.test')).toMatchObject({ status: 200, body: 'two' })
  expect(await host.stop()).toEqual([])
})

test('deploys that follow each other at once have names of their own, in their order', async () => {
  const { host, push } = await createSite({
    runner: { type: 'SimpleProcess', cmd: 'sleep 1000', health: { uptime: 0 } },
  })
  const names: string[] = []
  for (let count = 1; count <= 4; count++) {
    const { status, stderr } = await push({ count: String(count) })
    expect(status, stderr).toBe(0)
    names.push((await liveReleaseName(host.paths, main)) ?? 'nothing')
  }
  expect(new Set(names).size).toBe(4)
  expect(names.toSorted()).toEqual(names)
  expect((await listReleases(host.paths, main)).map((made) => made.release)).toEqual(names)
  await expect
    .poll(() => workersIn(host.home, [host.paths.checkouts]).then((found) => found.length), SOON)
    .toBe(1)
  expect(await host.stop()).toEqual([])
})
