import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { promisify } from 'node:util'
import type ssh2 from 'ssh2'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { PypaasError } from '../../src/errors.ts'
import { sshOptions } from '../support/ssh.ts'
import { connectClient, echo, embeddedHost, ssh, startSsh, textOf, type Host } from './embedded-host.ts'

let host: Host

beforeEach(async () => {
  host = await embeddedHost()
})

describe('a command', () => {
  test('gets who asks and the input, and its outputs and status reach the client', async () => {
    const server = await host.start(echo)
    const answer = await ssh(
      host,
      server,
      host.alice,
      ['list', '"a b"', '$HOME'],
      ['-o', 'SendEnv=SECRET'],
      'the input',
    )
    expect(answer).toEqual({
      status: 7,
      stdout: JSON.stringify({
        key: 'alice',
        address: '127.0.0.1',
        command: 'list "a b" $HOME',
        gitProtocol: undefined,
        input: 'the input',
      }),
      stderr: 'and this\n',
    })
    expect(host.log.map(({ message, key, address }) => [message, key, address])).toEqual([
      ['SSH login', 'alice', '127.0.0.1'],
      ['SSH command', 'alice', '127.0.0.1'],
      ['SSH command ended', 'alice', '127.0.0.1'],
    ])
  })

  test('is in the log with its beginning only', async () => {
    const server = await host.start(echo)
    await ssh(host, server, host.alice, ['set', 'PASSWORD=secret1', 'secret2'])
    expect(host.log[1]).toMatchObject({ message: 'SSH command', command: 'set PASSWORD=…' })
    expect(JSON.stringify(host.log)).not.toContain('secret')
  })

  test('that is missing is one as well, and a terminal is refused without harm', async () => {
    const server = await host.start(async ({ key, command, stdout }) => {
      stdout.write(`hello ${key}, ${typeof command}\n`)
      return 7
    })
    const { status, stdout } = await ssh(host, server, host.alice, [])
    expect([status, stdout]).toEqual([7, 'hello alice, undefined\n'])
    // script(1) gives ssh a terminal, which is what makes it ask for one on the other side.
    const line = ['ssh', ...sshOptions(host.alice, server.address.port, host.knownHosts), 'deploy@127.0.0.1']
    const typed = spawn('script', ['-qec', line.join(' '), '/dev/null'])
    onTestFinished(() => void typed.kill())
    const ended = once(typed, 'close')
    typed.stdin.end()
    const shown = await textOf(typed.stdout)
    expect(shown).toContain('PTY allocation request failed')
    expect(shown).toContain('hello alice, undefined')
    expect(await ended).toEqual([7, null])
  })

  test('gets GIT_PROTOCOL and no other variable', async () => {
    const server = await host.start(echo)
    const answer = await ssh(host, server, host.alice, ['x'], ['-o', 'SendEnv=GIT_PROTOCOL SECRET'])
    expect(JSON.parse(answer.stdout)).toMatchObject({ gitProtocol: 'version=2' })
  })

  test('that fails by throwing tells the client what it may know', async () => {
    const server = await host.start(async ({ command }) => {
      if (command === 'denied') throw new PypaasError('denied', 'that is not allowed')
      throw new Error('the password is 1234')
    })
    expect(await ssh(host, server, host.alice, ['denied'])).toEqual({
      status: 3,
      stdout: '',
      stderr: 'pypaas: that is not allowed\n',
    })
    const answer = await ssh(host, server, host.alice, ['bug'])
    expect(answer).toEqual({
      status: 1,
      stdout: '',
      stderr: "pypaas: internal error; see the daemon's log\n",
    })
    expect(host.log.find(({ error }) => String(error).includes('1234'))).toMatchObject({ key: 'alice' })
  })

  test('whose client goes away is told so, and the server goes on', async () => {
    const events = new EventEmitter()
    const seen = once(events, 'aborted')
    const server = await host.start(async ({ command, stdout, stdin, signal }) => {
      if (command !== 'wait') return 0
      stdout.write('running')
      await once(signal, 'abort')
      // Neither ends the process, nor hangs.
      await new Promise((resolve) => stdout.write(Buffer.alloc(5_000_000), resolve))
      await expect(textOf(stdin)).rejects.toThrow('the client has gone')
      events.emit('aborted', signal.reason, stdin.destroyed, stdout.destroyed)
      return 0
    })
    const child = startSsh(host, server, host.alice, ['wait'])
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    expect(await seen).toEqual([new PypaasError('cancelled', 'the client has gone'), true, true])
    expect((await ssh(host, server, host.alice, ['x'])).status).toBe(0)
  })

  test('can be one of several over one connection, up to a limit', async () => {
    const server = await host.start(echo, { limits: { sessions: 2 } })
    const client = await connectClient(host, server)
    const exec = promisify((command: string, done: ssh2.ClientCallback) => client.exec(command, done))
    const channels = [await exec('first'), await exec('second')]
    await expect(exec('third')).rejects.toThrow('Channel open failure')
    for (const [index, channel] of channels.entries()) {
      channel.end(`input ${index}`)
      expect(JSON.parse(await textOf(channel))).toMatchObject({ key: 'alice', input: `input ${index}` })
    }
    expect(JSON.parse(await textOf((await exec('fourth')).end()))).toMatchObject({ command: 'fourth' })
  })
})
