import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import ssh2 from 'ssh2'
import { beforeEach, describe, expect, test } from 'vitest'
import { makeKey } from '../support/ssh.ts'
import { makeSecurityKey, startAgent } from './security-key.ts'
import { echo, embeddedHost, offered, ssh, type Answer, type Host } from './embedded-host.ts'

let host: Host

beforeEach(async () => {
  host = await embeddedHost()
})

describe('a login', () => {
  test.each([
    ['rsa', 2048],
    ['ecdsa', 256],
    ['ecdsa', 384],
    ['ecdsa', 521],
  ] as const)('works with a key of type %s, %d bits', async (type, bits) => {
    const key = await makeKey(join(host.home, 'client'), 'bob', type, bits)
    await writeFile(join(host.paths.authorizedKeysDir, 'bob'), key.line)
    const server = await host.start(echo)
    expect(JSON.parse((await ssh(host, server, key, ['x'])).stdout)).toMatchObject({ key: 'bob' })
  })

  test.each(['ed25519', 'ecdsa'] as const)(
    'works with a touched security key (%s), else not',
    async (kind) => {
      const token = makeSecurityKey(kind)
      await writeFile(join(host.paths.authorizedKeysDir, 'carol'), token.line)
      const file = join(host.home, 'token.pub')
      await writeFile(file, token.line)
      const server = await host.start(echo)
      const ask = async (flags: number): Promise<Answer> => {
        const socket = join(host.home, `agent${flags}`)
        await startAgent(socket, token, flags)
        return ssh(host, server, { file, line: token.line }, ['x'], ['-o', `IdentityAgent=${socket}`])
      }
      expect(JSON.parse((await ask(1)).stdout)).toMatchObject({ key: 'carol' })
      expect((await ask(0)).status).toBe(255)
      expect(host.log.at(-1)).toMatchObject({
        message: 'SSH login refused',
        refused: [expect.stringMatching(/ of carol, wrong signature$/)],
      })
    },
  )

  test('with an unknown key is refused, and in the log with its fingerprint', async () => {
    const server = await host.start(echo)
    const mallory = await makeKey(join(host.home, 'client'), 'mallory')
    const answer = await ssh(host, server, mallory, ['x'])
    expect([answer.status, answer.stdout]).toEqual([255, ''])
    expect(answer.stderr).toContain('Permission denied (publickey)')
    const { stdout } = await promisify(execFile)('ssh-keygen', ['-lf', `${mallory.file}.pub`])
    const print = stdout.split(' ')[1]
    await expect
      .poll(() => host.log)
      .toEqual([{ message: 'SSH login refused', address: '127.0.0.1', refused: [print] }])
  })

  test('with a signature of RSA and SHA-1 is refused', async () => {
    const key = await makeKey(join(host.home, 'client'), 'bob', 'rsa', 2048)
    await writeFile(join(host.paths.authorizedKeysDir, 'bob'), key.line)
    const server = await host.start(echo)
    const answer = await ssh(host, server, key, ['x'], ['-o', 'PubkeyAcceptedAlgorithms=ssh-rsa'])
    expect([answer.status, answer.stdout]).toEqual([255, ''])
    await expect
      .poll(() => host.log.at(-1)?.refused)
      .toEqual([expect.stringMatching(/of bob, signed with SHA-1$/)])
  })

  test('with a password is refused', async () => {
    const server = await host.start(echo)
    const client = new ssh2.Client()
    const failed = once(client, 'ready')
    client.connect({ host: '127.0.0.1', port: server.address.port, username: 'deploy', password: 'x' })
    await expect(failed).rejects.toThrow('All configured authentication methods failed')
    client.end()
  })

  test('follows the files of keys at once', async () => {
    const server = await host.start(echo)
    const file = join(host.paths.authorizedKeysDir, 'alice.pub')
    expect((await ssh(host, server, host.alice, ['x'])).status).toBe(7)
    await rm(file)
    expect((await ssh(host, server, host.alice, ['x'])).status).toBe(255)
    await writeFile(file, host.alice.line)
    expect((await ssh(host, server, host.alice, ['x'])).status).toBe(7)
  })

  test('lets nobody in when the keys cannot be read', async () => {
    const server = await host.start(echo, { keys: () => Promise.reject(new Error('no disk')) })
    expect((await ssh(host, server, host.alice, ['x'])).status).toBe(255)
    expect(host.log).toContainEqual({ message: 'SSH login failed', address: '127.0.0.1', error: 'no disk' })
  })

  test('is ended after six refused keys', async () => {
    const server = await host.start(echo)
    const names = ['k1', 'k2', 'k3', 'k4', 'k5', 'k6']
    const others = await Promise.all(names.map((name) => makeKey(join(host.home, 'client'), name)))
    expect((await ssh(host, server, host.alice, ['x'], offered(others.slice(0, 5)))).status).toBe(7)
    expect((await ssh(host, server, host.alice, ['x'], offered(others))).status).toBe(255)
    await expect.poll(() => host.log.at(-1)?.refused).toHaveLength(6)
  })

  test('has to come in time, also from a client that says nothing', async () => {
    const server = await host.start(echo, { limits: { loginTime: 0.1 } })
    const socket = connect(server.address.port, '127.0.0.1')
    socket.resume()
    await once(socket, 'close')
    expect(host.log).toEqual([{ message: 'SSH login took too long', address: '127.0.0.1' }])
  })
})
