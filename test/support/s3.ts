/**
 * A real S3 server on loopback: Ceph's gateway on one object store in memory. It takes some seconds and 550 MB, so the
 * tests that need it share one in few files. Everything it consists of ends with the process that started it.
 */
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { accessSync } from 'node:fs'
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { S3Config } from '../../src/config/types.ts'
import { DEFAULT_S3 } from '../../src/store/open.ts'
import { connectS3 } from '../../src/store/s3-client.ts'
import { claimPortRange } from './ports.ts'

const run = promisify(execFile)

const ACCESS_KEY = 'test-access'
const SECRET_KEY = 'test-secret'
/** Milliseconds for each step of the start, on a busy machine. */
const PATIENCE = 60_000

export interface S3Server {
  readonly endpoint: string
  readonly port: number
  readonly accessKey: string
  readonly secretKey: string
  /** As `pypaas.yml` would have it under `artifacts.s3`. */
  readonly config: S3Config
  makeBucket(name: string): Promise<void>
  stop(): Promise<void>
}

/** Why no S3 server can be started here; undefined: it can. For `describe.skipIf`. */
export function whyNoS3(): string | undefined {
  if (process.getuid?.() !== 0) return 'Ceph has to be started as root'
  try {
    for (const program of ['ceph-mon', 'ceph-osd', 'radosgw']) accessSync(`/usr/bin/${program}`)
    return undefined
  } catch {
    return 'Ceph is not installed (Debian: ceph-mon ceph-osd radosgw ceph-common)'
  }
}

/** For `beforeAll`, with `stop` in `afterAll`. */
export async function startS3(): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 'pypaas-test-s3-'))
  const endings: (() => unknown)[] = []
  const children: ChildProcess[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(end))
    for (const ending of endings) ending()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const { min: port } = claimPortRange(3, (ending) => endings.push(ending))
    await startCluster({ directory, port, start: (program) => start(directory, program, children) })
    const endpoint = `http://127.0.0.1:${port}`
    const config = { ...DEFAULT_S3, endpoint, accessKey: ACCESS_KEY, secretKey: SECRET_KEY }
    const { client } = await connectS3(directory, config)
    return {
      endpoint,
      port,
      accessKey: ACCESS_KEY,
      secretKey: SECRET_KEY,
      config,
      makeBucket: async (name) => void (await client.send(new CreateBucketCommand({ Bucket: name }))),
      stop,
    }
  } catch (error) {
    const logs = await lastWords(directory)
    await stop()
    throw new Error(`Ceph does not start:\n${logs}`, { cause: error })
  }
}

interface Cluster {
  readonly directory: string
  readonly port: number
  readonly start: (program: readonly string[]) => Promise<void>
}

async function startCluster({ directory, port, start: startProgram }: Cluster): Promise<void> {
  const at = (name: string): string => join(directory, name)
  for (const name of ['mon', 'osd', 'run', 'rgw']) await mkdir(at(name))
  const cluster = randomUUID()
  const monitor = `[v2:127.0.0.1:${port + 1},v1:127.0.0.1:${port + 2}]`
  await writeFile(at('ceph.conf'), configuration(directory, cluster, monitor, port))
  const configured = ['-c', at('ceph.conf')]
  const ceph = (...words: string[]) =>
    run('ceph', [...configured, '--connect-timeout', '60', ...words], { timeout: PATIENCE })

  await keyring(at('keyring'))
  await run('monmaptool', ['--create', '--addv', 'a', monitor, '--fsid', cluster, at('monmap')])
  const made = ['--mkfs', '-i', 'a', '--monmap', at('monmap'), '--keyring', at('keyring')]
  await run('ceph-mon', [...configured, ...made])
  await startProgram(['ceph-mon', ...configured, '-i', 'a', '-f'])

  const disk = randomUUID()
  await ceph('osd', 'new', disk)
  await run('ceph-osd', [...configured, '-i', '0', '--mkfs', '--osd-uuid', disk])
  await startProgram(['ceph-osd', ...configured, '-i', '0', '-f'])
  await until(async () => (await ceph('osd', 'stat')).stdout.includes('1 up'))

  await startProgram(['radosgw', ...configured, '-n', 'client.rgw', '-f'])
  await until(async () => (await fetch(`http://127.0.0.1:${port}/`)).status === 200)
  const user = ['--uid', 'test', '--display-name', 'test']
  const keys = ['--access-key', ACCESS_KEY, '--secret-key', SECRET_KEY]
  await run('radosgw-admin', [...configured, '-n', 'client.rgw', 'user', 'create', ...user, ...keys], {
    timeout: PATIENCE,
  })
}

/** One monitor, one object store in memory, no copies, nothing outside of `directory`. */
function configuration(directory: string, cluster: string, monitor: string, port: number): string {
  const at = (name: string): string => join(directory, name)
  const everywhere = {
    fsid: cluster,
    'mon initial members': 'a',
    'mon host': monitor,
    'mon data': at('mon'),
    'osd data': at('osd'),
    keyring: at('keyring'),
    'run dir': at('run'),
    'pid file': at('run/$name.pid'),
    'admin socket': at('run/$name.asok'),
    'log file': at('run/$name.log'),
    'mon cluster log file': at('run/cluster.log'),
    'osd objectstore': 'memstore',
    'memstore device bytes': 4 * 2 ** 30,
    'osd crush chooseleaf type': 0,
    'osd pool default size': 1,
    'osd pool default min size': 1,
    'osd pool default pg num': 8,
    'mon allow pool size one': true,
    'mon max pg per osd': 1000,
    'ms bind ipv6': false,
    'public network': '127.0.0.0/8',
  }
  const gateway = { 'rgw frontends': `beast endpoint=127.0.0.1:${port}`, 'rgw data': at('rgw') }
  return ['[global]', ...section(everywhere), '[client.rgw]', ...section(gateway), ''].join('\n')
}

function section(settings: object): string[] {
  return Object.entries(settings).map(([name, value]) => `${name} = ${String(value)}`)
}

/** One file with the keys of all. */
async function keyring(file: string): Promise<void> {
  const everything = ['--cap', 'mon', 'allow *', '--cap', 'osd', 'allow *']
  await run('ceph-authtool', [file, '--create-keyring', '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *'])
  for (const name of ['client.admin', 'client.rgw', 'osd.0']) {
    await run('ceph-authtool', [file, '--gen-key', '-n', name, ...everything])
  }
}

/** The kernel ends it with us, even if we are killed. */
async function start(
  directory: string,
  [name = '', ...args]: readonly string[],
  children: ChildProcess[],
): Promise<void> {
  const output = await open(join(directory, `${name}.out`), 'a')
  children.push(
    spawn('setpriv', ['--pdeathsig', 'KILL', name, ...args], { stdio: ['ignore', output.fd, output.fd] }),
  )
  await output.close()
}

/** Nothing of it is kept. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE
  for (;;) {
    let last: unknown
    try {
      if (await holds()) return
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline) throw new Error('it takes too long', { cause: last })
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function lastWords(directory: string): Promise<string> {
  const texts = await Promise.all(
    ['ceph-mon', 'ceph-osd', 'radosgw'].map((name) =>
      readFile(join(directory, `${name}.out`), 'utf8').catch(() => ''),
    ),
  )
  return texts.join('').split('\n').slice(-30).join('\n')
}
