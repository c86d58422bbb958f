/** A host to measure: the built pypaas in a temporary home on loopback, reached through either SSH entrance. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import { stringify } from 'yaml'
import { PROGRAM } from './program.ts'

export interface BenchHost {
  readonly home: string
  readonly http: number
  /** Ports of the embedded server, of OpenSSH, and of the floor's server. */
  readonly embedded: number
  readonly openssh: number
  /** `GIT_SSH_COMMAND`. */
  readonly ssh: string
  configure(file: string, content: object): Promise<void>
  pypaas(...args: string[]): Promise<string>
  stop(): Promise<void>
}

/** Below the user's home, because sshd's StrictModes refuses keys below a directory that all may write to. */
export async function startHost(): Promise<BenchHost> {
  const home = await mkdtemp(join(homedir(), '.pypaas-bench-'))
  const [embedded = 0, openssh = 0, http = 0, https = 0] = await freePorts(4)
  const key = join(home, 'client', 'key')
  await mkdir(join(home, 'client'), { recursive: true, mode: 0o700 })
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'bench', '-f', key])
  await mkdir(join(home, '.ssh', 'authorized_keys.d'), { recursive: true, mode: 0o700 })
  await cp(`${key}.pub`, join(home, '.ssh', 'authorized_keys.d', 'bench.pub'))
  const configure = async (file: string, content: object): Promise<void> => {
    const path = join(home, 'config', file)
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, stringify(content))
  }
  await configure('pypaas.yml', {
    ports: { min: 20_000, max: 24_000 },
    ssh: { listen: `127.0.0.1:${embedded}` },
    nginx: { mode: 'managed', http: `127.0.0.1:${http}`, https: `127.0.0.1:${https}` },
  })
  const pypaas = async (...args: string[]): Promise<string> =>
    (await execa(process.execPath, [PROGRAM, '--home', home, ...args])).stdout
  await pypaas('rebuild_authorized_keys')
  const daemon = await startDaemon(home)
  const sshd = await startSshd(home, openssh, join(home, '.ssh', 'authorized_keys'))
  return {
    home,
    http,
    embedded,
    openssh,
    ssh: `ssh -F none -i ${key} -o IdentitiesOnly=yes -o IdentityAgent=none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`,
    configure,
    pypaas,
    async stop() {
      daemon.kill()
      await once(daemon, 'exit')
      await pypaas('serve', '--stop')
      sshd.kill()
      await once(sshd, 'exit')
      await rm(home, { recursive: true, force: true })
    },
  }
}

/** A sshd of our own; `keys` says what a login may run. */
export async function startSshd(home: string, port: number, keys: string): Promise<ChildProcess> {
  const hostKey = join(home, 'client', `sshd-${port}`)
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey])
  const config = `${hostKey}.conf`
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${keys}`,
    'PidFile none',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
  ]
  await writeFile(config, `${lines.join('\n')}\n`)
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true })
  const { stdout: program } = await execa('sh', ['-c', 'PATH=$PATH:/usr/sbin command -v sshd'])
  const child = spawn(program, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  for await (const line of createInterface({ input: child.stderr })) {
    if (line.includes('Server listening')) break
  }
  child.stderr.resume()
  return child
}

/** Who logs in: sshd only lets in the user that it runs as, or any if that is root. */
export function loginName(): string {
  return userInfo().username
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  for (const server of servers) server.close()
  return ports
}

async function startDaemon(home: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, '--home', home, 'serve'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('"ready"')) break
  }
  child.stdout.resume()
  return child
}
