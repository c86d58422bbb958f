/** `git push -o`: what it tries, reuses and keeps. */
import { expect, test } from 'vitest'
import { listRecords } from '../../src/deploy/journal.ts'
import { tracesOf } from '../support/traces.ts'
import { answering, createSite, DOMAIN, liveSite, SOON } from '../support/web.ts'

const main = { repo: 'web', branch: 'main' }

test('a dry run does all but go live, and leaves nothing behind', async () => {
  const { host, app } = await liveSite({
    branch: { hooks: { after_build: 'test -e server.mjs', after_deploy: 'echo never' } },
  })
  const before = await tracesOf(host)
  const refs = (await app.git('ls-remote', host.url('web'))).stdout
  await app.commit({ 'server.mjs': answering('two') })
  const dry = await app.git('push', '-o', 'dry-run', host.url('web'), 'main')
  expect(dry.stderr).toContain('web main: dry run of push of')
  expect(dry.stderr).toMatch(/healthy after \d+ ms: web-0 on port \d+/)
  expect(dry.stderr).toMatch(/-----> Dry run: all of it works \([\d.]+ s\); nothing was changed/)
  expect(dry.stderr).not.toMatch(/never|Live at/)
  expect(dry.status).not.toBe(0)
  expect(await tracesOf(host)).toEqual(before)
  expect((await app.git('ls-remote', host.url('web'))).stdout).toBe(refs)
  expect((await host.get(DOMAIN)).body).toBe('one')
  expect((await listRecords(host.paths, main)).at(-1)).toMatchObject({
    kind: 'push',
    dryRun: true,
    result: 'succeeded',
    switched: false,
  })
  expect((await host.pypaas('deploys', 'web', 'main')).stdout).toMatch(/ dry run +succeeded /)

  await app.commit({ 'server.mjs': 'process.exit(3)' })
  const failing = await app.git('push', '-o', 'dry-run', host.url('web'), 'main')
  expect(failing.stderr).toContain('ended with status 3 before it was healthy')
  expect(failing.stderr).not.toContain('all of it works')
  expect(failing.status).not.toBe(0)
  await expect.poll(() => tracesOf(host), SOON).toEqual(before)

  // What was tried is deployed by an ordinary push.
  await app.commit({ 'server.mjs': answering('three') })
  expect((await app.git('push', host.url('web'), 'main')).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('three')
  expect(await host.stop()).toEqual([])
})

test('a dry run of a first deploy leaves no branch behind', async () => {
  const { host, app } = await createSite()
  const before = await tracesOf(host)
  const dry = await app.git('push', '-o', 'dry-run', host.url('web'), 'main')
  expect(dry.stderr).toContain('all of it works')
  expect((await app.git('ls-remote', host.url('web'))).stdout).toBe('')
  const { files, ports, processes } = await tracesOf(host)
  expect([ports, processes]).toEqual([before.ports, before.processes])
  expect(files.filter((path) => /\d{8}_\d{6}-/.test(path))).toEqual([])
  expect((await host.pypaas('list')).stdout).toContain('not deployed yet')
  expect(await host.stop()).toEqual([])
})

test('a message is kept with the deploy, and an unknown option is refused with those that there are', async () => {
  const { host, app } = await liveSite()
  await app.commit({ 'server.mjs': answering('two') })
  const unknown = await app.git('push', '-o', 'quick', host.url('web'), 'main')
  expect(unknown.stderr).toContain(' !     there is no push option "quick"')
  expect(unknown.stderr).toContain('-o dry-run, -o no-cache, -o detach, -o message=TEXT')
  expect(unknown.status).not.toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('one')

  const text = `hotfix "$(date)" for 'größer'; see #12`
  const told = await app.git('push', '-o', `message=${text}`, '-o', 'no-cache', host.url('web'), 'main')
  expect(told.status, told.stderr).toBe(0)
  expect((await listRecords(host.paths, main)).at(-1)?.message).toBe(text)
  expect((await host.ssh('deploys', 'web', 'main')).stdout.split('\n')[0]).toContain(text)
  const id = (await listRecords(host.paths, main)).at(-1)?.release ?? ''
  expect((await host.ssh('deploys', 'show', id)).stdout).toContain(`message    ${text}`)
  expect(await host.stop()).toEqual([])
})
