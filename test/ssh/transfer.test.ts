import { execFile, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import type ssh2 from 'ssh2'
import { beforeEach, describe, expect, test } from 'vitest'
import { repoNameOf, parseCommandLine } from '../../src/ssh/request.ts'
import { gitSshCommand } from '../support/ssh.ts'
import { bytesOf, connectClient, embeddedHost, startSsh, write, type Host } from './embedded-host.ts'

let host: Host

beforeEach(async () => {
  host = await embeddedHost()
})

describe('large transfers', () => {
  test('arrive whole in both directions while the connection changes its keys', async () => {
    const server = await host.start(async ({ stdin, stdout }) => {
      await pipeline(stdin, stdout)
      return 0
    })
    const data = randomBytes(50 * 1024 * 1024)
    const child = startSsh(host, server, host.alice, ['cat'], ['-o', 'RekeyLimit=4M'])
    child.stdin.end(data)
    const hash = createHash('sha256')
    const closed = once(child, 'close')
    for await (const chunk of child.stdout) hash.update(chunk as Buffer)
    expect(await closed).toEqual([0, null])
    expect(hash.digest('hex')).toBe(createHash('sha256').update(data).digest('hex'))
  })

  test('on both outputs do not mix when the client is slow to take them', async () => {
    const size = 6 * 1024 * 1024
    const [out, err] = [randomBytes(size), randomBytes(size)]
    const server = await host.start(async ({ stdout, stderr }) => {
      await Promise.all([write(stdout, out), write(stderr, err)])
      return 5
    })
    const child = startSsh(host, server, host.alice, ['both'])
    const taken = await Promise.all([bytesOf(child.stdout), bytesOf(child.stderr), once(child, 'close')])
    expect([taken[0].equals(out), taken[1].equals(err), taken[2][0]]).toEqual([true, true, 5])
  })

  test('are held up by a client that takes nothing, however much it says it would take', async () => {
    let sent = 0
    const events = new EventEmitter()
    const stopped = once(events, 'stopped')
    const server = await host.start(async ({ stdout, signal }) => {
      while (!signal.aborted) {
        if (!stdout.write(Buffer.alloc(65536))) {
          await once(stdout, 'drain').catch(() => {})
        }
        sent += 65536
      }
      events.emit('stopped')
      return 0
    })
    const client = await connectClient(host, server)
    const channel = await promisify((done: ssh2.ClientCallback) => client.exec('flood', done))()
    // oxlint-disable no-underscore-dangle
    // What no public function of ssh2 does: a window of a gigabyte, and then not a byte is read.
    const inside = { client, channel } as unknown as {
      client: { _protocol: { channelWindowAdjust(id: number, size: number): void }; _sock: Socket }
      channel: { outgoing: { id: number } }
    }
    inside.client._protocol.channelWindowAdjust(inside.channel.outgoing.id, 2 ** 30)
    inside.client._sock.pause()
    let before = -1
    const settled = (): boolean => {
      const same = sent === before
      before = sent
      return same
    }
    await expect.poll(settled, { interval: 200, timeout: 20_000 }).toBe(true)
    expect(sent).toBeGreaterThan(0)
    expect(sent).toBeLessThan(64 * 1024 * 1024)
    inside.client._sock.destroy()
    // What waits for the client does not wait for ever.
    await stopped
    // oxlint-enable no-underscore-dangle
  })
})

describe('git', () => {
  test('clones, pushes, fetches and lists over it', async () => {
    const run = promisify(execFile)
    const repos = join(host.home, 'repos')
    await run('git', ['init', '-q', '--bare', '-b', 'master', join(repos, 'web')])
    const server = await host.start(async ({ command, stdin, stdout, stderr, signal, gitProtocol }) => {
      const [program = '', repo = ''] = parseCommandLine(command ?? '')
      const child = spawn(program, [join(repos, repoNameOf(repo))], {
        env: {
          PATH: process.env.PATH ?? '',
          ...(gitProtocol === undefined ? {} : { GIT_PROTOCOL: gitProtocol }),
        },
        signal,
      })
      child.on('error', () => {})
      child.stdin.on('error', () => {})
      stdin.pipe(child.stdin)
      child.stdout.pipe(stdout, { end: false })
      child.stderr.pipe(stderr, { end: false })
      const [status] = (await once(child, 'close')) as [number]
      return status
    })
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: host.home,
      GIT_SSH_COMMAND: gitSshCommand(host.alice, server.address.port, host.knownHosts),
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a@b',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a@b',
    }
    const git = async (...args: string[]): Promise<string> => (await run('git', args, { env })).stdout
    const work = join(host.home, 'work')
    await git('clone', '-q', 'ssh://deploy@127.0.0.1/~/web.git', work)
    await writeFile(join(work, 'blob'), randomBytes(8 * 1024 * 1024))
    await git('-C', work, 'add', '.')
    await git('-C', work, 'commit', '-qm', 'first')
    await git('-C', work, 'push', '-q', 'deploy@127.0.0.1:web', 'HEAD:master')
    const head = (await git('-C', work, 'rev-parse', 'HEAD')).trim()
    expect(await git('ls-remote', 'deploy@127.0.0.1:web.git', 'master')).toBe(`${head}\trefs/heads/master\n`)
    const other = join(host.home, 'other')
    await git('clone', '-q', 'deploy@127.0.0.1:/web', other)
    expect((await readFile(join(other, 'blob'))).equals(await readFile(join(work, 'blob')))).toBe(true)
    await git('-C', other, 'fetch', '-q')
  })
})
