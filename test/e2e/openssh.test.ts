/** The entrance through the host's own sshd: no daemon is needed, each command is a process of its own. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { domainWith } from '../support/apps.ts'
import { temporaryDirectory } from '../support/context.ts'
import { createHost, leftovers, run, type Host } from '../support/host.ts'
import { openSshOf } from '../support/openssh.ts'
import { safeDirectory } from '../support/ssh.ts'
import { answering, repoWith, SOON } from '../support/web.ts'
import { listDirectory } from '../../src/system/state.ts'

const ref = { repo: 'web', branch: 'main' }

/** A host without a daemon and without nginx: what runs there was started by pushes. */
async function bareHost(settings: object = {}): Promise<Host> {
  const main = { ssh: undefined, nginx: { mode: 'none' }, ...settings }
  const host = await createHost(main, await safeDirectory())
  await host.configure('repos/web.yml', repoWith())
  return host
}

/** What the only live process answers. */
async function answer(host: Host): Promise<string> {
  const { stdout } = await host.pypaas('status', '--json')
  const [branch] = JSON.parse(stdout) as { processes: { port: number }[] }[]
  return (await fetch(`http://127.0.0.1:${branch?.processes[0]?.port}/`)).text()
}

test('git pushes, clones, fetches and lists through sshd, without a daemon', async () => {
  const host = await bareHost()
  const { app: workingCopy, url, env } = await openSshOf(host)
  const app = await workingCopy({ 'server.mjs': answering('one') })

  const first = await app.git('push', url('web'), 'main')
  expect(first.stderr).toMatch(/remote: -----> Live: release \d{8}_\d{6}-\w{11}, /)
  expect(first.status).toBe(0)
  expect(await answer(host)).toBe('one')

  const clone = join(await temporaryDirectory(), 'clone')
  expect((await run('git', ['clone', '-q', url('web.git'), clone], env)).status).toBe(0)
  expect(await readFile(join(clone, 'server.mjs'), 'utf8')).toBe(answering('one'))

  const commit = await app.commit({ 'server.mjs': answering('two') })
  const second = await app.git('push', url('/web'), 'main')
  expect(second.status).toBe(0)
  expect(await answer(host)).toBe('two')
  const listed = await app.git('ls-remote', url('~/web'))
  expect(listed.stdout).toBe(`${commit}\tHEAD\n${commit}\trefs/heads/main`)
  await run('git', ['-C', clone, 'fetch', '-q'], env)
  expect((await run('git', ['-C', clone, 'rev-parse', 'origin/main'])).stdout).toBe(commit)

  // The push did not wait for the former release, which ends all the same, and nothing else is left running.
  const locks = async (): Promise<string[]> =>
    (await listDirectory(host.paths.servicesRealOf(ref))).filter((name) => name.endsWith('.lock'))
  await expect.poll(locks, SOON).toEqual([expect.stringContaining(commit.slice(0, 11))])
  const programs = async (): Promise<string[]> =>
    (await leftovers(host.home)).map((line) => line.replace(/^\d+ (?:\S*\/)?(\S+).*/, '$1')).toSorted()
  // The release's own, and the host's svscan with the service that waits for a reboot.
  const own = ['multilog', 'node', 'supervise', 'supervise', 'svscan']
  await expect.poll(programs, SOON).toEqual([...own, 'flock', 'setlock', 'supervise', 'svscan'].toSorted())
  expect(await host.stop()).toEqual([])
})

test('a push that is too large is told the limit, and where it is set', async () => {
  const host = await bareHost({ git: { max_push: '100KiB' } })
  const { app: workingCopy, url } = await openSshOf(host)
  const app = await workingCopy({ 'large.txt': randomBytes(100_000).toString('hex') })
  const { status, stderr } = await app.git('push', url('web'), 'main')
  expect(status).not.toBe(0)
  expect(stderr).toContain('pypaas: a push to this host may have 100 KiB, and this one has more')
  expect(stderr).toContain('raise `git: {max_push: …}` in pypaas.yml on the host')
  expect(await host.stop()).toEqual([])
})

test('a login without a command says what the key can do, and others are refused in one line', async () => {
  const host = await bareHost()
  const { ssh, app: workingCopy, url } = await openSshOf(host)

  const login = await ssh()
  expect(login.status).toBe(0)
  expect(login.stdout).toMatch(/^Hello alice\. There is no shell here/)
  expect(login.stdout).toContain('git push deploy@host:<repo> <branch>')
  expect(login.stdout).toContain('ssh deploy@host <command>')
  expect(login.stdout).toMatch(/^ {2}restart \[repo\] \[branch\] /m)
  expect(login.stdout).not.toMatch(/^ {2}(?:serve|install|check|cleanup|git-\S+)/m)
  expect(await ssh('help')).toMatchObject({ status: 0 })

  expect(await ssh('reboot')).toEqual({
    status: 2,
    stdout: '',
    stderr: "pypaas: unknown command 'reboot'\n        `ssh deploy@host help` lists what you can do",
  })
  expect(await ssh('cleanup', '--dry-run')).toEqual({
    status: 3,
    stdout: '',
    stderr: 'pypaas: `cleanup` cannot be run over SSH\n        run it on the host',
  })
  expect(await ssh('list', '--home', '/tmp')).toMatchObject({ status: 2, stdout: '' })
  expect(await ssh('git-upload-pack', "'../../etc'")).toMatchObject({ status: 3, stdout: '' })
  expect(await ssh('status', '$(touch pwned)')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('there is no repo "$(touch"') as string,
  })

  const app = await workingCopy({})
  const unknown = await app.git('push', url('wep'), 'main')
  expect(unknown.status).not.toBe(0)
  expect(unknown.stderr).toMatch(/^pypaas: there is no repo "wep"\n +did you mean web\?$/m)

  const log = (await readFile(host.paths.logFile('pypaas.log'), 'utf8')).trim().split('\n')
  const ended = log.map((line) => JSON.parse(line) as object)
  expect(ended).toContainEqual(
    expect.objectContaining({
      msg: 'SSH command ended',
      key: 'alice',
      address: '127.0.0.1',
      command: 'cleanup --dry-run',
      status: 3,
    }),
  )
  expect(await host.stop()).toEqual([])
})

test('nginx and the apps go on without the daemon, and a push through sshd changes both', async () => {
  const host = await createHost({}, await safeDirectory())
  await host.configure('repos/web.yml', repoWith())
  await host.configure('domains/web.test.yml', domainWith('web'))
  await (await host.serve()).end()
  const { app: workingCopy, url } = await openSshOf(host)
  const app = await workingCopy({ 'server.mjs': answering('one') })
  expect(await host.get('web.test')).toMatchObject({ status: 503 })
  const pushed = await app.git('push', url('web'), 'main')
  expect(pushed.stderr).toContain(`Live at http://web.test:${host.httpPort}/`)
  expect(await host.get('web.test')).toMatchObject({ status: 200, body: 'one' })
  expect(await host.stop()).toEqual([])
})
