/** Real SSH for tests: keys of ssh-keygen, a sshd of one's own, and how git finds both. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'

const run = promisify(execFile)

export interface ClientKey {
  /** The private key's file. */
  readonly file: string
  /** The line of the `.pub` file, without a line end. */
  readonly line: string
}

/** Makes a key pair `<dir>/<name>` and `<dir>/<name>.pub`. */
export async function makeKey(
  dir: string,
  name: string,
  type: 'ed25519' | 'ecdsa' | 'rsa' = 'ed25519',
  bits?: number,
): Promise<ClientKey> {
  await mkdir(dir, { recursive: true })
  const file = join(dir, name)
  const size = bits === undefined ? [] : ['-b', String(bits)]
  await run('ssh-keygen', ['-q', '-t', type, ...size, '-N', '', '-C', `${name}@test`, '-f', file])
  return { file, line: (await readFile(`${file}.pub`, 'utf8')).trim() }
}

/** Options that keep `ssh` from everything that the user of the tests has configured. */
export function sshOptions(key: ClientKey, port: number, knownHosts: string): string[] {
  const settings = {
    BatchMode: 'yes',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    LogLevel: 'ERROR',
    UserKnownHostsFile: knownHosts,
    StrictHostKeyChecking: 'accept-new',
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  return ['-F', 'none', '-i', key.file, '-p', String(port), ...options]
}

/** For `GIT_SSH_COMMAND`. The paths must hold nothing that a shell would change. */
export function gitSshCommand(key: ClientKey, port: number, knownHosts: string): string {
  return ['ssh', ...sshOptions(key, port, knownHosts)].join(' ')
}

export interface Sshd {
  readonly port: number
  /** The user that sshd lets in: the one that runs the tests. */
  readonly user: string
  stop(): Promise<void>
}

export interface SshdOptions {
  /** Directory for the server's own files. */
  readonly dir: string
  readonly authorizedKeys: string
  /** sshd wants every directory above authorized_keys safe from others then; see {@link safeDirectory}. */
  readonly strictModes?: boolean
}

/** Starts the host's sshd on loopback with a configuration of its own; it is stopped with the test. */
export async function startSshd(options: SshdOptions): Promise<Sshd> {
  await mkdir(options.dir, { recursive: true })
  const user = userInfo().username
  // Where sshd separates privileges; its service makes it at boot.
  if (userInfo().uid === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 })
  const hostKey = await makeKey(options.dir, 'sshd-host-key')
  const config = join(options.dir, 'sshd_config')
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    await writeFile(
      config,
      [
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${hostKey.file}`,
        'PidFile none',
        `AuthorizedKeysFile ${options.authorizedKeys}`,
        `StrictModes ${options.strictModes === true ? 'yes' : 'no'}`,
        'AuthenticationMethods publickey',
        'UsePAM no',
        'AcceptEnv GIT_PROTOCOL',
        '',
      ].join('\n'),
    )
    const sshd = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] })
    const ended = once(sshd, 'exit')
    const stop = async (): Promise<void> => {
      sshd.kill()
      await ended
    }
    onTestFinished(stop)
    const lines = createInterface(sshd.stderr)
    const said: string[] = []
    const listening = new Promise<boolean>((resolve) => {
      lines.on('line', (line) => {
        said.push(line)
        if (line.startsWith('Server listening on')) resolve(true)
      })
      lines.on('close', () => resolve(false))
    })
    if (await listening) return { port, user, stop }
    // Somebody else may have taken the port in between.
    if (attempt === 3) throw new Error(`sshd does not start: ${said.join('\n')}`)
  }
}

/** A directory that only the user and root can write to, all the way up, as StrictModes wants; removed with the test. */
export async function safeDirectory(): Promise<string> {
  const path = await mkdtemp(join(homedir(), '.pypaas-test-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
