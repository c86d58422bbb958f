/** A host to measure: the built pypaas in a temporary home on loopback, reached through either SSH entrance. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import { stringify } from 'yaml'
import { createApp, type BenchApp, type Source } from './app.ts'
import { appPorts, freePorts } from './ports.ts'
import { PROGRAM } from './program.ts'
import { startSshd } from './sshd.ts'
import type { Ends } from './subject.ts'

export type Entrance = 'embedded server' | 'OpenSSH'

export interface BenchHost {
  readonly home: string
  /** For what is not pypaas's: clients' files, floors. */
  readonly client: string
  readonly http: number
  readonly https: number
  /** Pid of the daemon. */
  readonly daemon: number
  /** `GIT_SSH_COMMAND`. */
  readonly ssh: string
  /** The URL of a repo for git. */
  url(entrance: Entrance, repo: string): string
  configure(file: string, content: object): Promise<void>
  /** Writes pypaas.yml anew, with these settings beside what a host needs. */
  configureMain(settings: object): Promise<void>
  /** The branch `main` of a repo with one runner, and a domain `<repo>.test` in front of it. */
  configureRepo(repo: string, runner: object, env?: Readonly<Record<string, string>>): Promise<void>
  /** Runs pypaas in a process of its own; what it prints. `reject: false`: whatever it exits with. */
  pypaas(args: readonly string[], options?: { readonly reject?: boolean }): Promise<string>
  /** Runs a command over SSH. */
  command(entrance: Entrance, ...words: string[]): Promise<string>
  /** A working copy with this source. */
  app(name: string, source: Source): Promise<BenchApp>
  stop(): Promise<void>
}

/**
 * Starts a host with an empty configuration, its daemon and a sshd.
 * Below the user's home, because sshd's StrictModes refuses keys below a directory that all may write to.
 */
export async function startHost(ends: Ends, settings: object = {}): Promise<BenchHost> {
  const home = await mkdtemp(join(homedir(), '.pypaas-bench-'))
  const endHome = ends.add(() => rm(home, { recursive: true, force: true, maxRetries: 5 }))
  const [embedded = 0, http = 0, https = 0] = await freePorts(3)
  const client = join(home, 'client')
  const key = join(client, 'key')
  await mkdir(client, { recursive: true, mode: 0o700 })
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'bench', '-f', key])
  await mkdir(join(home, '.ssh', 'authorized_keys.d'), { recursive: true, mode: 0o700 })
  await cp(`${key}.pub`, join(home, '.ssh', 'authorized_keys.d', 'bench.pub'))
  const configure = async (file: string, content: object): Promise<void> => {
    const path = join(home, 'config', file)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, stringify(content))
  }
  const configureMain = (given: object): Promise<void> =>
    configure('pypaas.yml', {
      ports: appPorts(),
      ssh: { listen: `127.0.0.1:${embedded}` },
      ...given,
      nginx: {
        mode: 'managed',
        http: `127.0.0.1:${http}`,
        https: `127.0.0.1:${https}`,
        ...('nginx' in given ? (given.nginx as object) : {}),
      },
    })
  const pypaas: BenchHost['pypaas'] = async (args, { reject = true } = {}) =>
    (await execa(process.execPath, [PROGRAM, '--home', home, ...args], { reject, stdin: 'ignore' })).stdout
  await configureMain(settings)
  await pypaas(['rebuild_authorized_keys'])
  const daemon = startDaemon(home)
  const endDaemon = ends.add(async () => {
    if (daemon.exitCode === null && daemon.signalCode === null) {
      daemon.kill()
      await once(daemon, 'exit')
    }
    await pypaas(['serve', '--stop'], { reject: false })
  })
  await untilReady(daemon)
  const sshd = await startSshd(client, join(home, '.ssh', 'authorized_keys'), ends)
  const ssh = `ssh -F none -i ${key} -o IdentitiesOnly=yes -o IdentityAgent=none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`
  const portOf = (entrance: Entrance): number => (entrance === 'OpenSSH' ? sshd.port : embedded)
  return {
    home,
    client,
    http,
    https,
    daemon: daemon.pid ?? 0,
    ssh,
    url: (entrance, repo) => `ssh://${loginName()}@127.0.0.1:${portOf(entrance)}/${repo}`,
    configure,
    configureMain,
    async configureRepo(repo, runner, env = {}) {
      await configure(`repos/${repo}.yml`, { branches: { main: { runners: { web: runner }, env } } })
      const upstream = { repo, branch: 'main', runner: 'web' }
      await configure(`domains/${domainOf(repo)}.yml`, { locations: { '/': { upstream } } })
    },
    pypaas,
    async command(entrance, ...words) {
      const [program = '', ...options] = ssh.split(' ')
      const args = [...options, '-p', String(portOf(entrance)), `${loginName()}@127.0.0.1`, ...words]
      return (await execa(program, args, { stdin: 'ignore' })).stdout
    },
    app: (name, source) => createApp(join(client, 'apps', name), source),
    async stop() {
      await sshd.end()
      await endDaemon()
      await endHome()
    },
  }
}

export function domainOf(repo: string): string {
  return `${repo}.test`
}

/** Who logs in: sshd only lets in the user that it runs as, or any if that is root. */
export function loginName(): string {
  return userInfo().username
}

function startDaemon(home: string): ChildProcess {
  return spawn(process.execPath, [PROGRAM, '--home', home, 'serve'], { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function untilReady({ stdout }: ChildProcess): Promise<void> {
  if (stdout === null) return
  for await (const line of createInterface({ input: stdout })) {
    if (!line.includes('"ready"')) continue
    stdout.resume()
    return
  }
  throw new Error('the daemon ended before it was ready')
}
