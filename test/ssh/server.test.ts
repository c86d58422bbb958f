import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { beforeEach, describe, expect, test } from 'vitest'
import { echo, embeddedHost, ssh, type Host } from './embedded-host.ts'

let host: Host

beforeEach(async () => {
  host = await embeddedHost()
})

describe('a connection', () => {
  test.each(['unauthenticated', 'connections'] as const)(
    'is refused above the limit of %s',
    async (limit) => {
      const server = await host.start(echo, { limits: { [limit]: 1 } })
      const first = connect(server.address.port, '127.0.0.1')
      await once(first, 'data')
      const second = connect(server.address.port, '127.0.0.1').resume()
      second.on('error', () => {})
      await once(second, 'close')
      expect(host.log.map(({ message }) => message)).toEqual(['too many SSH connections'])
      first.destroy()
      await expect.poll(async () => (await ssh(host, server, host.alice, ['x'])).status).toBe(7)
    },
  )

  test('that speaks no SSH does no harm', async () => {
    const server = await host.start(echo)
    for (const text of ['GET / HTTP/1.1\r\n\r\n', `SSH-2.0-x\r\n${'\0'.repeat(5000)}`, randomBytes(10_000)]) {
      const socket = connect(server.address.port, '127.0.0.1').resume()
      socket.on('error', () => {})
      socket.end(text)
      await once(socket, 'close')
    }
    expect((await ssh(host, server, host.alice, ['x'])).status).toBe(7)
  })

  test('is for commands only: no subsystem and no forwarding in either direction', async () => {
    const server = await host.start(echo)
    const sftp = await ssh(host, server, host.alice, ['sftp'], ['-s'])
    expect([sftp.status, sftp.stdout]).toEqual([255, ''])
    expect(sftp.stderr).toContain('subsystem request failed')
    const remote = await ssh(
      host,
      server,
      host.alice,
      ['x'],
      ['-R', '0:127.0.0.1:1', '-o', 'ExitOnForwardFailure=yes'],
    )
    expect([remote.status, remote.stdout]).toEqual([255, ''])
    const direct = await ssh(host, server, host.alice, [], ['-W', `127.0.0.1:${server.address.port}`])
    expect(direct.status).toBe(255)
    expect(direct.stderr).toContain('forwarding failed')
  })

  test.each([
    ['cipher', ['-c', 'aes128-cbc,3des-cbc']],
    ['MAC', ['-c', 'aes128-ctr', '-m', 'hmac-sha1,hmac-md5']],
    ['key exchange method', ['-o', 'KexAlgorithms=diffie-hellman-group14-sha1,diffie-hellman-group1-sha1']],
  ])('with an outdated %s is refused', async (what, options) => {
    const server = await host.start(echo)
    const answer = await ssh(host, server, host.alice, ['x'], [...options, '-o', 'LogLevel=INFO'])
    expect(answer.status).toBe(255)
    expect(answer.stderr).toContain(`no matching ${what} found`)
  })

  test.each(['chacha20-poly1305@openssh.com', 'aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'])(
    'can use %s',
    async (cipher) => {
      const server = await host.start(echo)
      expect((await ssh(host, server, host.alice, ['x'], ['-c', cipher])).status).toBe(7)
    },
  )
})

describe('the host key', () => {
  test('is made at the first start, for its owner only, and stays', async () => {
    const file = host.paths.runFile('host_key')
    const first = await host.start(echo)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await ssh(host, first, host.alice, ['x'])).status).toBe(7)
    expect(await readFile(host.knownHosts, 'utf8')).toContain(` ${first.hostKey}\n`)
    await first.close()
    const second = await host.start(echo)
    expect(second.hostKey).toBe(first.hostKey)
  })

  test('is one also when two servers start at once', async () => {
    const servers = await Promise.all([host.start(echo), host.start(echo), host.start(echo)])
    expect(new Set(servers.map(({ hostKey }) => hostKey)).size).toBe(1)
  })

  test('that others can read, or that is none, stops the start', async () => {
    const file = host.paths.runFile('host_key')
    await (await host.start(echo)).close()
    await chmod(file, 0o640)
    await expect(host.start(echo)).rejects.toMatchObject({ code: 'config', where: file })
    await writeFile(file, 'garbage')
    await chmod(file, 0o600)
    await expect(host.start(echo)).rejects.toMatchObject({ code: 'config', where: file })
  })
})

describe('the server', () => {
  test('says which address is taken', async () => {
    const { address } = await host.start(echo)
    await expect(host.start(echo, { listen: address })).rejects.toMatchObject({
      code: 'busy',
      message: `the SSH server cannot listen on 127.0.0.1, port ${address.port}: something else does`,
    })
  })

  test('that closes lets the commands end, tells their clients, and takes no more', async () => {
    const events = new EventEmitter()
    const begun = once(events, 'begun')
    const server = await host.start(async ({ signal, stderr }) => {
      events.emit('begun')
      await once(signal, 'abort')
      stderr.write(`${(signal.reason as Error).message}\n`)
      return 4
    })
    const idle = connect(server.address.port, '127.0.0.1').resume()
    const answer = ssh(host, server, host.alice, ['x'])
    await begun
    await Promise.all([server.close(), server.close()])
    expect(await answer).toEqual({ status: 4, stdout: '', stderr: 'the server is stopping\n' })
    if (!idle.closed) await once(idle, 'close')
    const [error] = (await once(connect(server.address.port, '127.0.0.1'), 'error')) as [Error]
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  })
})
