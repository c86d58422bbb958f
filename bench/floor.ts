/**
 * The floor: what no deploy can be faster than. A push to a bare repository without a hook over the same
 * SSH server, and the app's own start until it accepts a connection.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'
import { startSshServer, type SshServer } from '../src/ssh/server.ts'
import { readKeys } from '../src/ssh/keys.ts'
import { pathsOf } from '../src/paths.ts'
import { parseCommandLine } from '../src/ssh/request.ts'
import type { BenchApp } from './app.ts'
import { freePorts, type BenchHost } from './host.ts'

/** Our embedded server with nothing behind it but git. */
export async function startFloorServer(host: BenchHost): Promise<SshServer> {
  const { keys } = await readKeys(pathsOf(host.home))
  return startSshServer({
    listen: { host: '127.0.0.1', port: 0 },
    hostKeyFile: join(host.home, 'client', 'floor-host-key'),
    keys: () => Promise.resolve(keys),
    log: { info() {}, warn() {}, error() {} },
    async handle({ command, stdin, stdout, stderr }) {
      const [, path = ''] = parseCommandLine(command ?? '')
      const child = spawn('git', ['receive-pack', path])
      stdin.pipe(child.stdin)
      child.stdout.pipe(stdout, { end: false })
      child.stderr.pipe(stderr, { end: false })
      const [status] = (await once(child, 'close')) as [number | null]
      return status ?? 1
    },
  })
}

export async function createBareRepository(path: string): Promise<void> {
  await execa('git', ['init', '-q', '--bare', '-b', 'main', path])
}

/** Milliseconds of one push. */
export async function timePush(app: BenchApp, url: string, ssh: string): Promise<number> {
  const start = performance.now()
  await app.push(url, ssh)
  return performance.now() - start
}

/** Milliseconds from the start of the command until its port accepts a connection. */
export async function timeBoot(dir: string, argv: readonly string[]): Promise<number> {
  const [port = 0] = await freePorts(1)
  const [program = '', ...args] = argv
  const start = performance.now()
  const child = spawn(program, args, {
    cwd: dir,
    env: { ...process.env, PORT: String(port) },
    stdio: 'ignore',
  })
  try {
    while (!(await accepts(port))) await delay(1)
    return performance.now() - start
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
