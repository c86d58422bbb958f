/**
 * The floor: what no deploy can be faster than. A push to a bare repository without a hook over the same
 * SSH server, and the app's own start until it accepts a connection.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'
import { baseEnvironment } from '../src/environment.ts'
import { pathsOf } from '../src/paths.ts'
import { readKeys } from '../src/ssh/keys.ts'
import { parseCommandLine } from '../src/ssh/request.ts'
import { startSshServer } from '../src/ssh/server.ts'
import type { BenchApp } from './app.ts'
import { loginName, type BenchHost, type Entrance } from './host.ts'
import { freePorts } from './ports.ts'
import { startSshd } from './sshd.ts'
import type { Ends } from './subject.ts'

/** Where pushes cost no more than git and SSH. */
export interface Floor {
  /** Milliseconds of a push of the app's newest commit. */
  push(app: BenchApp): Promise<number>
  /** Milliseconds of a login whose command does nothing. */
  login(): Promise<number>
  end(): Promise<void>
}

/** The server of an entrance with nothing behind it but git, and a bare repository. */
export async function startFloor(host: BenchHost, entrance: Entrance, ends: Ends): Promise<Floor> {
  const server =
    entrance === 'OpenSSH' ? await startPlainSshd(host, ends) : await startPlainServer(host, ends)
  const bare = join(host.client, `floor-${server.port}.git`)
  await execa('git', ['init', '-q', '--bare', '-b', 'main', bare])
  const url = `ssh://${loginName()}@127.0.0.1:${server.port}${bare}`
  return {
    async push(app) {
      const start = performance.now()
      await app.push(url, host.ssh)
      return performance.now() - start
    },
    async login() {
      const [program = '', ...options] = host.ssh.split(' ')
      const start = performance.now()
      const target = ['-p', String(server.port), `${loginName()}@127.0.0.1`, 'true']
      await execa(program, [...options, ...target], { stdin: 'ignore' })
      return performance.now() - start
    },
    end: () => server.end(),
  }
}

interface PlainServer {
  readonly port: number
  end(): Promise<void>
}

function startPlainSshd(host: BenchHost, ends: Ends): Promise<PlainServer> {
  return startSshd(host.client, join(host.client, 'key.pub'), ends)
}

async function startPlainServer(host: BenchHost, ends: Ends): Promise<PlainServer> {
  const { keys } = await readKeys(pathsOf(host.home))
  const server = await startSshServer({
    listen: { host: '127.0.0.1', port: 0 },
    hostKeyFile: join(host.client, 'floor-host-key'),
    keys: () => Promise.resolve(keys),
    log: { info() {}, warn() {}, error() {} },
    async handle({ command, stdin, stdout, stderr }) {
      const [program, path = ''] = parseCommandLine(command ?? '')
      if (program === 'true') return 0
      const child = spawn('git', ['receive-pack', path])
      stdin.pipe(child.stdin)
      child.stdout.pipe(stdout, { end: false })
      child.stderr.pipe(stderr, { end: false })
      const [status] = (await once(child, 'close')) as [number | null]
      return status ?? 1
    },
  })
  return { port: server.address.port, end: ends.add(() => server.close()) }
}

/** The environment in which pypaas runs builds and apps, so that both find the same programs. */
export function appEnvironment(): Record<string, string> {
  const { username: name, homedir: home } = userInfo()
  return baseEnvironment({ name, home }, dirname(process.execPath))
}

/** Milliseconds from the start of the command until its port accepts a connection. */
export async function timeBoot(dir: string, argv: readonly string[]): Promise<number> {
  const [port = 0] = await freePorts(1)
  const [program = '', ...args] = argv
  const start = performance.now()
  const child = spawn(program, args, {
    cwd: dir,
    env: { ...appEnvironment(), PORT: String(port) },
    stdio: 'ignore',
  })
  const exited = once(child, 'exit')
  try {
    while (!(await accepts(port))) {
      if (child.exitCode !== null) throw new Error(`${argv.join(' ')} ended with status ${child.exitCode}`)
      await delay(1)
    }
    return performance.now() - start
  } finally {
    child.kill('SIGKILL')
    await exited
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
