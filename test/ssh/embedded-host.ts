/** An embedded server on a temporary home, and clients for it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { onTestFinished } from 'vitest'
import { pathsOf, type Paths } from '../../src/paths.ts'
import { watchedKeys } from '../../src/ssh/keys.ts'
import {
  type SshServer,
  type SshServerOptions,
  type SshSession,
  startSshServer,
} from '../../src/ssh/server.ts'
import { temporaryDirectory } from '../support/context.ts'
import { type ClientKey, makeKey, sshOptions } from '../support/ssh.ts'

export interface Line {
  readonly message: string
  readonly [field: string]: unknown
}

export interface Host {
  readonly home: string
  readonly paths: Paths
  readonly alice: ClientKey
  readonly knownHosts: string
  readonly log: Line[]
  start(
    handle: (session: SshSession) => Promise<number>,
    options?: Partial<SshServerOptions>,
  ): Promise<SshServer>
}

/** A home with the key of alice, and a way to start servers on it that end with the test. */
export async function embeddedHost(): Promise<Host> {
  const home = await temporaryDirectory()
  const paths = pathsOf(home)
  const alice = await makeKey(join(home, 'client'), 'alice')
  await mkdir(paths.authorizedKeysDir, { recursive: true })
  await writeFile(join(paths.authorizedKeysDir, 'alice.pub'), `${alice.line}\n`)
  const log: Line[] = []
  const keep = (fields: object, message: string): void => void log.push({ ...fields, message })
  return {
    home,
    paths,
    alice,
    knownHosts: join(home, 'known_hosts'),
    log,
    async start(handle, options = {}) {
      const server = await startSshServer({
        listen: { host: '127.0.0.1', port: 0 },
        hostKeyFile: paths.runFile('host_key'),
        keys: watchedKeys(paths),
        log: { info: keep, warn: keep, error: keep },
        handle,
        ...options,
      })
      onTestFinished(() => server.close())
      return server
    },
  }
}

export interface Answer {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** `ssh -p … deploy@127.0.0.1 <args>`; options for ssh come first. */
export function startSsh(
  host: Host,
  server: SshServer,
  key: ClientKey,
  args: string[],
  options: string[] = [],
) {
  const child = spawn(
    'ssh',
    [...options, ...sshOptions(key, server.address.port, host.knownHosts), 'deploy@127.0.0.1', ...args],
    { env: { ...process.env, GIT_PROTOCOL: 'version=2', SECRET: 'x' } },
  )
  onTestFinished(() => void child.kill())
  child.stdin.on('error', () => {})
  return child
}

export async function ssh(
  host: Host,
  server: SshServer,
  key: ClientKey,
  args: string[],
  options: string[] = [],
  input: string | Buffer = '',
): Promise<Answer> {
  const child = startSsh(host, server, key, args, options)
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
  child.stdin.end(input)
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, stdout, stderr }
}

/** For what `ssh` cannot be made to do. */
export async function connectClient(host: Host, server: SshServer): Promise<ssh2.Client> {
  const client = new ssh2.Client()
  const { port } = server.address
  const privateKey = await readFile(host.alice.file)
  client.connect({ host: '127.0.0.1', port, username: 'deploy', privateKey })
  onTestFinished(() => void client.end())
  await once(client, 'ready')
  return client
}

export async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

export async function bytesOf(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

export async function write(stream: NodeJS.WritableStream, data: Buffer): Promise<void> {
  for (let at = 0; at < data.length; at += 300_000) {
    if (!stream.write(data.subarray(at, at + 300_000))) await once(stream, 'drain')
  }
}

export function offered(keys: ClientKey[]): string[] {
  return keys.flatMap(({ file }) => ['-i', file])
}

/** Tells what was asked for, and ends with status 7. */
export async function echo(session: SshSession): Promise<number> {
  const input = await textOf(session.stdin)
  const { key, address, command, gitProtocol } = session
  session.stdout.write(JSON.stringify({ key, address, command, gitProtocol, input }))
  session.stderr.write('and this\n')
  return 7
}
