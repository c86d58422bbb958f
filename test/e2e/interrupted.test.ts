/** Deploys that are cut short: the client goes away, or the daemon is killed. */
import { listRecords } from '../../src/deploy/journal.ts'
import { expect, test } from 'vitest'
import { begun, holding, release } from '../support/hold.ts'
import { tracesOf } from '../support/traces.ts'
import { answering, DOMAIN, liveSite, SOON } from '../support/web.ts'

const main = { repo: 'web', branch: 'main' }

/** A build that starts something in the background, then waits. */
const BUILD = `sleep 1000 & ${holding('build')}`

test('a push whose client is killed is cancelled, undone, and leaves nothing behind', async () => {
  const { host, app, configure } = await liveSite()
  const before = await tracesOf(host)
  const refs = (await app.git('ls-remote', host.url('web'))).stdout
  await configure({ hooks: { build: BUILD } })
  await app.commit({ 'server.mjs': answering('two') })
  const push = app.start('push', host.url('web'), 'main')
  await begun(host, 'build')
  expect((await tracesOf(host)).processes.length).toBeGreaterThan(before.processes.length)
  push.kill()
  await push.ended

  await expect.poll(async () => (await listRecords(host.paths, main)).at(-1)?.result, SOON).toBe('cancelled')
  await expect.poll(() => tracesOf(host), SOON).toEqual(before)
  expect((await app.git('ls-remote', host.url('web'))).stdout).toBe(refs)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
  expect(await host.stop()).toEqual([])
})

test('a push whose client is killed after the switch ends well without it', async () => {
  const { host, app, configure } = await liveSite()
  await configure({ hooks: { after_deploy: holding('after') } })
  const commit = await app.commit({ 'server.mjs': answering('two') })
  const push = app.start('push', host.url('web'), 'main')
  await begun(host, 'after')
  push.kill()
  await push.ended
  await release(host, 'after')
  await expect.poll(async () => (await listRecords(host.paths, main)).at(-1)?.result, SOON).toBe('succeeded')
  const ref = async (): Promise<string> => (await app.git('ls-remote', host.url('web'), 'main')).stdout
  await expect.poll(ref, SOON).toBe(`${commit}\trefs/heads/main`)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
  expect((await host.pypaas('status')).status).toBe(0)
  expect(await host.stop()).toEqual([])
})

test('a daemon that is killed during a build is recovered from by the next one', async () => {
  const { host, app, push, configure } = await liveSite()
  const before = await tracesOf(host)
  const refs = (await app.git('ls-remote', host.url('web'))).stdout
  await configure({ hooks: { build: BUILD } })
  await app.commit({ 'server.mjs': answering('two') })
  const cut = app.start('push', host.url('web'), 'main')
  await begun(host, 'build')
  await host.endDaemon('SIGKILL')
  expect((await cut.ended).status).not.toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })

  await host.serve()
  expect((await listRecords(host.paths, main)).at(-1)).toMatchObject({
    result: 'abandoned',
    switched: false,
    error: 'the process that deployed was ended',
  })
  await expect.poll(() => tracesOf(host), SOON).toEqual(before)
  expect((await app.git('ls-remote', host.url('web'))).stdout).toBe(refs)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
  await configure()
  expect((await push()).status).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
  expect(await host.stop()).toEqual([])
})

test('a daemon that is killed during maintenance leaves it to the next one to bring the former release back', async () => {
  const { host, app, configure } = await liveSite()
  await configure({ hooks: { maintenance: holding('migration') } })
  await app.commit({ 'server.mjs': answering('two') })
  const cut = app.start('push', host.url('web'), 'main')
  await begun(host, 'migration')
  await host.endDaemon('SIGKILL')
  await cut.ended
  expect((await host.get(DOMAIN)).status).toBe(503)
  await host.serve()
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
  expect(await host.stop()).toEqual([])
})

test(
  'whenever the daemon is killed, the old or the new release is whole and answers',
  { timeout: 180_000 },
  async () => {
    const { host, app } = await liveSite()
    let live = 'one'
    for (let at = 0; at < 6; at++) {
      const next = `version ${at}`
      const commit = await app.commit({ 'server.mjs': answering(next) })
      const push = app.start('push', '--force', host.url('web'), 'main')
      await expect.poll(() => push.said(), SOON).toContain('-----> Building')
      // From the build to the end of a push, at this machine's pace.
      await new Promise((resolve) => setTimeout(resolve, at * 60))
      await host.endDaemon('SIGKILL')
      await push.ended
      const { status, body } = await host.get(DOMAIN)
      expect(status).toBe(200)
      expect([live, next]).toContain(body)

      await host.serve()
      const answer = await host.get(DOMAIN)
      expect(answer.status).toBe(200)
      const isNew = answer.body === next
      expect([live, next]).toContain(answer.body)
      // What has answered once is not taken back.
      expect(body === next && !isNew).toBe(false)
      live = answer.body
      const [head] = (await app.git('ls-remote', host.url('web'), 'main')).stdout.split('\t')
      expect(head === commit).toBe(isNew)
      expect((await listRecords(host.paths, main)).at(-1)?.result).toBe(isNew ? 'succeeded' : 'abandoned')
      const ofOne = async (): Promise<number> =>
        (await tracesOf(host)).processes.filter((line) => line.endsWith('node server.mjs')).length
      await expect.poll(ofOne, SOON).toBe(1)
      // The port of the other one is given back just after its process has gone.
      await expect.poll(async () => (await tracesOf(host)).ports.length, SOON).toBe(1)
    }
    expect(await host.stop()).toEqual([])
  },
)
