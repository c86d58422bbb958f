/** pypaas is replaced on the disk while its daemon runs. */
import { spawn } from 'node:child_process'
import { cp, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { domainWith } from '../support/apps.ts'
import { temporaryDirectory } from '../support/context.ts'
import { createHost, PYPAAS } from '../support/host.ts'
import { answering, DOMAIN, repoWith } from '../support/web.ts'

test('a daemon whose program has been replaced goes on whole', async () => {
  const host = await createHost()
  await host.configure('repos/web.yml', repoWith())
  await host.configure(`domains/${DOMAIN}.yml`, domainWith('web'))
  const root = dirname(dirname(PYPAAS))
  const installed = await temporaryDirectory()
  for (const name of ['dist', 'templates']) {
    await cp(join(root, name), join(installed, name), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(installed, 'node_modules'))
  const program = join(installed, 'dist', 'pypaas.js')
  const daemon = spawn(process.execPath, [program, '--home', host.home, 'serve'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void daemon.kill())
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: daemon.stdout }).on('line', (line) => {
      if (line.includes('"ready"')) resolve()
    })
    daemon.once('exit', () => reject(new Error('the daemon has ended')))
  })
  const app = await host.app({ 'server.mjs': answering('one') })
  // Parts of another version may have other names, and for a moment there is none at all.
  await rm(dirname(program), { recursive: true })
  for (const text of ['one', 'two']) {
    await app.commit({ 'server.mjs': answering(text) })
    const { status, stderr } = await app.git('push', host.url('web'), 'main')
    expect(status, stderr).toBe(0)
    expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: text })
  }
  for (const [command, said] of [
    ['rollback', /rollback of/],
    ['restart', /-----> Live/],
    ['rebuild', /-----> Live/],
    ['status', /web-0/],
    ['deploys', /rollback/],
  ] as const) {
    const { status, stdout, stderr } = await host.ssh(command, 'web', 'main')
    expect(status, stderr).toBe(0)
    expect(stdout).toMatch(said)
  }
  expect(await host.stop()).toEqual([])
})
