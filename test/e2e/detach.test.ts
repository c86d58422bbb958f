/** `git push -o detach`, `deploys attach` and `cancel`: deploys and who watches or ends them. */
import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { listRecords, type DeployRecord } from '../../src/deploy/journal.ts'
import { begun, holding, release } from '../support/hold.ts'
import type { Host } from '../support/host.ts'
import { tracesOf } from '../support/traces.ts'
import { answering, createSite, DOMAIN, liveSite, SOON } from '../support/web.ts'

const main = { repo: 'web', branch: 'main' }

const lastOf = async (host: Host): Promise<DeployRecord | undefined> =>
  (await listRecords(host.paths, main)).at(-1)

test('a detached deploy outlives its client and the daemon, and can be followed', async () => {
  const { host, app, configure } = await liveSite()
  await configure({ hooks: { build: `echo begun; ${holding('build')}; echo done` } })
  const commit = await app.commit({ 'server.mjs': answering('two') })
  const pushed = await app.git('push', '-o', 'detach', '-o', 'message=later', host.url('web'), 'main')
  expect(pushed.stderr).toContain('-----> Detached: `deploys attach web main` follows the deploy')
  expect(pushed.status).toBe(0)
  await begun(host, 'build')
  expect(await lastOf(host)).toMatchObject({ result: 'running', commit, by: 'alice', message: 'later' })
  const { release: id = '' } = (await lastOf(host)) ?? {}

  await host.endDaemon('SIGKILL')
  await host.serve()
  const [program, ...args] = host.sshArgv('deploys', 'attach', 'web', 'main')
  const follower = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let followed = ''
  follower.stdout.setEncoding('utf8').on('data', (text: string) => (followed += text))
  const ended = new Promise((resolve) => follower.once('close', resolve))
  await expect.poll(() => followed, SOON).toContain('       begun\n')
  expect((await host.get(DOMAIN)).body).toBe('one')

  await release(host, 'build')
  expect(await ended).toBe(0)
  expect(followed.split('\n').at(-2)).toMatch(/^-----> Live at .* in all$/)
  expect(followed).toContain('       done\n')
  expect((await host.get(DOMAIN)).body).toBe('two')
  expect((await app.git('ls-remote', host.url('web'), 'main')).stdout).toBe(`${commit}\trefs/heads/main`)
  // Afterwards it shows the same at once.
  expect(await host.ssh('deploys', 'attach', id)).toEqual({
    status: 0,
    stdout: followed.trimEnd(),
    stderr: '',
  })
  expect(await host.stop()).toEqual([])
})

test('a detached deploy that fails takes the branch back to what is live', async () => {
  const { host, app } = await liveSite()
  const refs = (await app.git('ls-remote', host.url('web'))).stdout
  await app.commit({ 'server.mjs': 'process.exit(3)' })
  const pushed = await app.git('push', '-o', 'detach', host.url('web'), 'main')
  expect(pushed.status).toBe(0)
  const attached = await host.ssh('deploys', 'attach', 'web', 'main')
  expect(attached.stdout).toContain('ended with status 3 before it was healthy')
  expect(attached.status).toBe(1)
  await expect.poll(async () => (await app.git('ls-remote', host.url('web'))).stdout, SOON).toBe(refs)
  expect((await host.get(DOMAIN)).body).toBe('one')

  // A frozen branch is not moved at all.
  await host.ssh('freeze', 'web', 'main', 'sale')
  const frozen = await app.git('push', '-o', 'detach', host.url('web'), 'main')
  expect(frozen.status).toBe(1)
  expect(frozen.stderr).toContain('web main is frozen by alice')
  expect((await host.ssh('deploys', 'attach')).status).toBe(2)
  expect(await host.stop()).toEqual([])
})

test('a detached push beside one that is being deployed is live after it, and neither is refused', async () => {
  const { host, app, configure } = await liveSite()
  await configure({ hooks: { build: holding('$(cat name)') } })
  await app.commit({ 'server.mjs': answering('two'), name: 'first' })
  const first = app.start('push', host.url('web'), 'main')
  await begun(host, 'first')
  const commit = await app.commit({ 'server.mjs': answering('three'), name: 'second' })
  expect((await app.git('push', '-o', 'detach', host.url('web'), 'main')).status).toBe(0)
  await release(host, 'first')
  const { status, stderr } = await first.ended
  expect(status, stderr).toBe(0)
  await begun(host, 'second')
  expect((await host.get(DOMAIN)).body).toBe('two')
  await release(host, 'second')
  expect((await host.ssh('deploys', 'attach', 'web', 'main')).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('three')
  const ref = async (): Promise<string> => (await app.git('ls-remote', host.url('web'), 'main')).stdout
  await expect.poll(ref, SOON).toBe(`${commit}\trefs/heads/main`)
  expect(await host.stop()).toEqual([])
})

test('a first detached deploy that fails leaves no branch behind', async () => {
  const { host, app } = await createSite()
  await app.commit({ 'server.mjs': 'process.exit(3)' })
  expect((await app.git('push', '-o', 'detach', host.url('web'), 'main')).status).toBe(0)
  expect((await host.ssh('deploys', 'attach', 'web', 'main')).status).toBe(1)
  await expect.poll(async () => (await app.git('ls-remote', host.url('web'))).stdout, SOON).toBe('')
  expect(await host.stop()).toEqual([])
})

test('cancel ends a running deploy with all of its processes, and what was live stays', async () => {
  const { host, app, configure } = await liveSite()
  const before = await tracesOf(host)
  const refs = (await app.git('ls-remote', host.url('web'))).stdout
  const nothing = await host.ssh('cancel', 'web', 'main')
  expect(nothing).toEqual({
    status: 1,
    stdout: '',
    stderr: 'pypaas: no deploy of web main is running\n        `deploys web main` lists the last ones',
  })
  await configure({ hooks: { build: `sleep 1000 & setsid sleep 1001 & ${holding('build')}` } })
  await app.commit({ 'server.mjs': answering('two') })
  const push = app.start('push', host.url('web'), 'main')
  await begun(host, 'build')
  const id = (await lastOf(host))?.release ?? ''
  const cancelled = await host.ssh('cancel', 'web', 'main')
  expect(cancelled).toEqual({ status: 0, stdout: `${id} (push by alice): cancelled`, stderr: '' })
  const { status, stderr } = await push.ended
  expect(status).toBe(1)
  expect(stderr).toContain(' !     Phase build failed: it was cancelled by alice')
  expect(await lastOf(host)).toMatchObject({
    result: 'cancelled',
    error: 'it was cancelled by alice',
    switched: false,
  })
  await expect.poll(() => tracesOf(host), SOON).toEqual(before)
  expect((await app.git('ls-remote', host.url('web'))).stdout).toBe(refs)
  expect((await host.get(DOMAIN)).body).toBe('one')
  expect(await host.stop()).toEqual([])
})

test('what is live already is not cancelled: the answer says how to go back', async () => {
  const { host, app, configure } = await liveSite()
  await configure({ hooks: { after_deploy: holding('after') } })
  await app.commit({ 'server.mjs': answering('two') })
  const push = app.start('push', host.url('web'), 'main')
  await begun(host, 'after')
  const id = (await lastOf(host))?.release ?? ''
  const refused = await host.pypaas('cancel', 'web', 'main')
  expect(refused).toEqual({
    status: 1,
    stdout: '',
    stderr: `pypaas: ${id} is live already\n        \`rollback web main\` goes back`,
  })
  await release(host, 'after')
  expect((await push.ended).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('two')
  expect(await lastOf(host)).toMatchObject({ result: 'succeeded', switched: true })
  expect(await host.stop()).toEqual([])
})
