/** A handler that is killed in the middle of a build: what the build has started ends with it. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { workersIn } from '../support/traces.ts'
import { leftovers } from '../support/host.ts'
import { begun, holding } from '../support/hold.ts'
import { answering, repoWith, SOON } from '../support/web.ts'
import { expectServed, faultSite } from './site.ts'

test('one command ends what a killed build has left, what is detached from it included', async () => {
  const site = await faultSite()
  const { host, app } = site
  const build = `sleep 1000 & setsid sh -c 'trap "" TERM; sleep 2000' & ${holding('build')}`
  await host.configure('repos/web.yml', repoWith({ hooks: { build } }))
  await app.commit({ 'server.mjs': answering('second') })
  const push = app.start('push', 'deploy@host:web', 'main')
  await begun(host, 'build')
  const building = (): Promise<string[]> => workersIn(host.home, [host.paths.checkouts])
  // The app, the hook's shell, what it has put into the background, and what waits.
  expect((await building()).length).toBeGreaterThan(3)
  const handler = (await leftovers(host.home)).find((line) => line.endsWith('ssh alice'))
  process.kill(Number.parseInt(handler ?? ''), 'SIGKILL')
  expect((await push.ended).status).not.toBe(0)
  await host.configure('repos/web.yml', repoWith())
  await rm(join(host.home, 'build.begun'))
  await site.recovered()
  await expect.poll(async () => (await building()).length, SOON).toBe(1)
  expect(await site.live()).toBe('first')
  await expectServed(site)
  expect(await host.stop()).toEqual([])
})
