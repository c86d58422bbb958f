/** A handler that is killed in the middle of a build: what the build has started ends with it. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { workersIn } from '../support/traces.ts'
import { leftovers } from '../support/host.ts'
import { begun, holding } from '../support/hold.ts'
import { answering, DOMAIN, liveSite, repoWith, SOON } from '../support/web.ts'
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

/** Leaves two processes in the background, one in a session of its own. */
function leaving(seconds: number): string {
  return `sleep ${seconds} >/dev/null 2>&1 & setsid sleep ${seconds + 100} >/dev/null 2>&1 &`
}

test('what a hook before the switch leaves in the background ends with its phase, and what after_deploy leaves stays', async () => {
  const { host, push, configure } = await liveSite()
  const stages = ['before_build', 'build', 'after_build', 'maintenance', 'after_deploy']
  await configure({ hooks: Object.fromEntries(stages.map((stage, at) => [stage, leaving(1001 + at)])) })
  const { status, stderr } = await push({ 'server.mjs': answering('two') })
  expect(status, stderr).toBe(0)
  expect(stderr.match(/ended what was left running in the background: /g)).toHaveLength(4)
  const sleeping = async (): Promise<string[]> =>
    (await workersIn(host.home, [host.paths.checkouts])).filter((line) => line.includes(' sleep '))
  const left = await sleeping()
  expect(left.map((line) => line.replace(/^\d+ /, '')).toSorted()).toEqual(['sleep 1005', 'sleep 1105'])
  expect((await host.get(DOMAIN)).body).toBe('two')
  for (const line of left) process.kill(Number.parseInt(line), 'SIGTERM')
  await expect.poll(sleeping, SOON).toEqual([])
  expect(await host.stop()).toEqual([])
})
