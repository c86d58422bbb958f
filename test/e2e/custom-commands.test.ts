import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { liveRelease } from '../../src/system/state.ts'
import { repoWithRunners } from '../support/apps.ts'
import { createHost, PYPAAS, type Host } from '../support/host.ts'
import { SOON } from '../support/web.ts'

const COMMANDS = {
  both: 'echo to stdout; echo to stderr >&2',
  fail: ['echo first', 'exit 7', 'echo never'],
  where: 'pwd; cat version.txt',
  killed: 'kill -9 $$',
  large: 'head -c 3000000 /dev/zero | tr "\\0" x; exit 3',
  count: 'wc -c',
  wait: `trap 'echo ended >"$NOTE"; exit' TERM; echo $$ >"$NOTE"; while :; do sleep 0.05; done`,
}

/** A host with a branch of files only, which has been deployed. */
async function deployed(): Promise<Host> {
  const host = await createHost()
  const more = { custom_cmds: COMMANDS, env: { NOTE: join(host.home, 'note') } }
  await host.configure('repos/app.yml', repoWithRunners({ files: { type: 'NginxStatic' } }, more))
  await host.serve()
  const app = await host.app({ 'version.txt': 'one\n' })
  expect((await app.git('push', host.url('app'), 'main')).status).toBe(0)
  await app.commit({ 'version.txt': 'two\n' })
  expect((await app.git('push', host.url('app'), 'main')).status).toBe(0)
  return host
}

test('custom commands run in the live checkout, with their outputs and their status, over SSH and from the shell', async () => {
  const host = await deployed()
  const ref = { repo: 'app', branch: 'main' }
  const live = await liveRelease(host.paths, ref)
  const ways = [(...words: string[]) => host.ssh(...words), (...words: string[]) => host.pypaas(...words)]
  for (const run of ways) {
    const cmd = (...names: string[]): ReturnType<typeof run> => run('custom_cmds', 'app', 'main', ...names)
    expect(await cmd('both')).toEqual({ status: 0, stdout: 'to stdout', stderr: 'to stderr' })
    expect(await cmd('fail')).toEqual({ status: 7, stdout: 'first', stderr: '' })
    // One after the other; the first that fails is the last.
    expect(await cmd('both', 'fail', 'both')).toEqual({
      status: 7,
      stdout: 'to stdout\nfirst',
      stderr: 'to stderr',
    })
    expect((await cmd('where')).stdout).toBe(`${host.paths.checkout(ref, live?.checkout ?? '')}\ntwo`)
    expect((await cmd('killed')).status).toBe(137)
    const large = await cmd('large')
    expect([large.status, large.stdout.length]).toEqual([3, 3_000_000])

    const unknown = await cmd('migrate')
    expect(unknown.stderr).toBe(
      `pypaas: app main has no custom command "migrate"\n        configured: ${Object.keys(COMMANDS).join(', ')}`,
    )
    expect(unknown.status).toBe(2)
    // Text of the caller is a name and nothing else.
    expect((await cmd('both; id')).status).toBe(2)
  }
  expect(await host.stop()).toEqual([])
})

test('a custom command reads what the caller sends', async () => {
  const host = await deployed()
  const input = 'line\n'.repeat(100_000)
  const [ssh, ...args] = host.sshArgv('custom_cmds', 'app', 'main', 'count')
  expect((await execa(ssh, args, { input })).stdout.trim()).toBe('500000')
  const local = ['--home', host.home, 'custom_cmds', 'app', 'main', 'count']
  expect((await execa(process.execPath, [PYPAAS, ...local], { input })).stdout.trim()).toBe('500000')
  expect(await host.stop()).toEqual([])
})

test('a custom command ends when its caller goes away', async () => {
  const host = await deployed()
  const note = (): Promise<string> => readFile(join(host.home, 'note'), 'utf8').catch(() => '')
  const shell = [process.execPath, PYPAAS, '--home', host.home, 'custom_cmds', 'app', 'main', 'wait'] as const
  for (const [program, ...args] of [host.sshArgv('custom_cmds', 'app', 'main', 'wait'), shell]) {
    const caller = spawn(program, args, { stdio: 'ignore' })
    const ended = once(caller, 'exit')
    await expect.poll(note, SOON).toMatch(/^\d+\n$/)
    caller.kill('SIGTERM')
    await ended
    await expect.poll(note, SOON).toBe('ended\n')
  }
  expect(await host.stop()).toEqual([])
})

test('a branch that was never deployed has no checkout to run a command in', async () => {
  const host = await createHost()
  const more = { custom_cmds: COMMANDS }
  await host.configure('repos/app.yml', repoWithRunners({ files: { type: 'NginxStatic' } }, more))
  expect(await host.pypaas('custom_cmds', 'app', 'main', 'both')).toEqual({
    status: 1,
    stdout: '',
    stderr: 'pypaas: app main has never been deployed\n        push it first',
  })
  expect(await host.stop()).toEqual([])
})
