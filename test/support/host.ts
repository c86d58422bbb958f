/** A whole host in a temporary home: the built pypaas, its daemon, svscan, nginx, and the apps, on loopback. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { pathsOf, type Paths } from '../../src/paths.ts'
import { createApp, type App, type Files, type Result } from './app.ts'
import { temporaryDirectory } from './context.ts'
import { claimPortRange } from './ports.ts'

/** The built command line program. */
export const PYPAAS = fileURLToPath(new URL('../../dist/pypaas.js', import.meta.url))

export interface Host {
  readonly home: string
  readonly paths: Paths
  readonly httpPort: number
  readonly httpsPort: number
  readonly ports: { readonly min: number; readonly max: number }
  /** Writes a file of the configuration, as YAML unless it is text. */
  configure(file: string, content: object | string): Promise<void>
  /** Writes pypaas.yml anew, with these settings beside what a host needs. */
  configureMain(main: object): Promise<void>
  /** Runs pypaas on the host. */
  pypaas(...args: string[]): Promise<Result>
  /** Starts the daemon and waits until it is ready. `env` is added to the test's environment. */
  serve(env?: Readonly<Record<string, string>>): Promise<Serving>
  /** Ends the daemon, and nothing else. Returns its exit status, or the signal that ended it. */
  endDaemon(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>
  /** A working copy whose pushes go to the embedded SSH server. */
  app(files: Files): Promise<App>
  /** The URL of a repo, for git. */
  url(repo: string): string
  /** Runs a command over the embedded SSH server. */
  ssh(...command: string[]): Promise<Result>
  /** The command line that does so: for a test that needs its streams or its end. */
  sshArgv(...command: string[]): [program: string, ...args: string[]]
  /** Asks nginx. */
  get(domain: string, path?: string, headers?: Record<string, string>): Promise<Response>
  /** Ends everything and returns what is still there of it. */
  stop(): Promise<string[]>
}

export interface Serving {
  readonly child: ChildProcess
  readonly sshPort: number
  end(signal?: NodeJS.Signals): Promise<void>
}

export interface Response {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
}

/**
 * A host with an empty configuration, a key named `alice`, and nothing started. Ended with the test.
 * @param main settings of `pypaas.yml`; those of nginx stand beside what a host needs
 * @param dir its home; default: a new temporary directory
 */
export async function createHost(main: object = {}, dir?: string): Promise<Host> {
  const home = dir ?? (await temporaryDirectory())
  const paths = pathsOf(home)
  const range = claimPortRange(50)
  const [httpPort, httpsPort, sshPort] = [range.min, range.min + 1, range.min + 2]
  const ports = { min: range.min + 3, max: range.max }
  const key = join(home, 'client-key')
  const env = {
    GIT_SSH_COMMAND: `ssh -F none -i ${key} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`,
    SSH_AUTH_SOCK: '',
  }
  let serving: Serving | undefined

  const host: Host = {
    home,
    paths,
    httpPort,
    httpsPort,
    ports,
    async configure(file, content) {
      const path = join(home, 'config', file)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, typeof content === 'string' ? content : stringify(content))
    },
    configureMain: (settings) =>
      host.configure('pypaas.yml', {
        ports,
        ssh: { listen: `127.0.0.1:${sshPort}` },
        // What is watched keeps a process for ten seconds; the tests of that say so.
        watch: { seconds: 0 },
        ...settings,
        nginx: {
          mode: 'managed',
          http: `127.0.0.1:${httpPort}`,
          https: `127.0.0.1:${httpsPort}`,
          ...('nginx' in settings ? (settings.nginx as object) : {}),
        },
      }),
    async pypaas(...args) {
      return run(process.execPath, [PYPAAS, '--home', home, ...args])
    },
    async serve(environment) {
      serving = await startServing(home, environment)
      return serving
    },
    async endDaemon(signal) {
      await serving?.end(signal)
      return serving?.child.exitCode ?? serving?.child.signalCode ?? null
    },
    app: (files) => createApp(files, env),
    url: (repo) => `ssh://deploy@127.0.0.1:${sshPort}/${repo}`,
    ssh: (...command) => {
      const [program, ...args] = host.sshArgv(...command)
      return run(program, args)
    },
    sshArgv: (...command) => {
      const [program = '', ...options] = env.GIT_SSH_COMMAND.split(' ')
      return [program, ...options, '-p', String(sshPort), 'deploy@127.0.0.1', ...command]
    },
    get: (domain, path = '/', headers = {}) => get(httpPort, domain, path, headers),
    async stop() {
      await serving?.end()
      serving = undefined
      const { status, stderr } = await host.pypaas('serve', '--stop')
      let left = await leftovers(home)
      // What a command of the shell has left to do, it does in a process of its own, which ends soon.
      for (let tries = 0; tries < 400 && left.some((line) => / settle \S+ \S+$/.test(line)); tries++) {
        await delay(50)
        left = await leftovers(home)
      }
      return status === 0 ? left : [stderr, ...left]
    },
  }
  onTestFinished(async () => {
    await host.stop()
    for (const left of await leftovers(home)) process.kill(Number(left.split(' ')[0]), 'SIGKILL')
  })
  await host.configureMain(main)
  await mkdir(paths.authorizedKeysDir, { recursive: true })
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'alice@laptop', '-f', key])
  await writeFile(join(paths.authorizedKeysDir, 'alice.pub'), await readFile(`${key}.pub`))
  return host
}

/** Runs a program with the environment of the test. */
export async function run(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Result> {
  const { exitCode, stdout, stderr } = await execa(program, args, { reject: false, stdin: 'ignore', env })
  return { status: exitCode ?? 255, stdout, stderr }
}

/** Processes that belong to a home, by what they were started with. */
export async function leftovers(home: string): Promise<string[]> {
  const found: string[] = []
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    const read = (file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
    const commandLine = (await read('cmdline')).replaceAll('\0', ' ').trim()
    if (commandLine === '') continue
    const seen = [commandLine, await read('environ'), await readlink(`/proc/${pid}/cwd`).catch(() => '')]
    if (seen.some((text) => text.includes(home))) found.push(`${pid} ${commandLine}`)
  }
  return found
}

async function startServing(home: string, env: Readonly<Record<string, string>> = {}): Promise<Serving> {
  const child = spawn(process.execPath, [PYPAAS, '--home', home, 'serve'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const said: string[] = []
  const stderr = createInterface({ input: child.stderr })
  stderr.on('line', (line) => said.push(line))
  const end = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
  const ready = new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      said.push(line)
      const entry = JSON.parse(line) as { msg: string; ssh?: { port: number } }
      if (entry.msg === 'ready') resolve(entry.ssh?.port ?? 0)
    })
    child.once('close', (status) => reject(new Error(`serve ended with ${status}:\n${said.join('\n')}`)))
  })
  return { child, sshPort: await ready, end }
}

function get(port: number, domain: string, path: string, headers: Record<string, string>): Promise<Response> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, path, headers: { host: domain, ...headers }, agent: false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString('utf8'),
          }),
        )
        response.on('error', reject)
      },
    )
    asked.on('error', reject)
    asked.end()
  })
}
