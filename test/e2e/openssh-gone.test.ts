/** A client that goes away during its push through sshd. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { createHost, leftovers } from '../support/host.ts'
import { openSshOf } from '../support/openssh.ts'
import { safeDirectory } from '../support/ssh.ts'
import { answering, repoWith, SOON } from '../support/web.ts'
import { listRecords } from '../../src/deploy/journal.ts'
import { listDirectory } from '../../src/system/state.ts'

const ref = { repo: 'web', branch: 'main' }

test('a push whose client goes away is cancelled and undone', async () => {
  const main = { ssh: undefined, nginx: { mode: 'none' } }
  const host = await createHost(main, await safeDirectory())
  // Silent and without an end: nothing is ever sent to the client that would show that it has gone.
  await host.configure('repos/web.yml', repoWith({ hooks: { build: 'sleep 600' } }))
  const { app: workingCopy, url, env } = await openSshOf(host)
  const app = await workingCopy({ 'server.mjs': answering('one') })

  // A process group, as of a terminal that is closed: git and its ssh go at once.
  const push = spawn('git', ['push', url('web'), 'main'], {
    cwd: app.dir,
    env: { ...process.env, ...env },
    detached: true,
    stdio: 'ignore',
  })
  const building = async (): Promise<boolean> =>
    (await leftovers(host.home)).some((line) => line.endsWith(' sleep 600'))
  await expect.poll(building, SOON).toBe(true)
  const ended = once(push, 'exit')
  process.kill(-(push.pid ?? 0), 'SIGKILL')
  await ended

  // All but the host's svscan, which has nothing to run.
  const left = async (): Promise<string[]> =>
    (await leftovers(host.home)).filter((line) => !line.includes('svscan'))
  await expect.poll(left, SOON).toEqual([])
  expect(await listRecords(host.paths, ref)).toMatchObject([{ result: 'cancelled', switched: false }])
  expect(await listDirectory(host.paths.checkoutsOf(ref))).toEqual([])
  const listed = await app.git('ls-remote', url('web'))
  expect(listed).toMatchObject({ status: 0, stdout: '' })
  expect(await host.stop()).toEqual([])
})
