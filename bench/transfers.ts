/** A large artifact into and out of a store: the most memory that it takes, and its time beside `cp` and `sha256sum`. */
import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { execa } from 'execa'
import { stringify } from 'yaml'
import { startS3, whyNoS3 } from '../test/support/s3.ts'
import { PROGRAM } from './program.ts'
import type { Bench, Subject } from './subject.ts'
import { spreadOf, times, verdict, type Spread } from './table.ts'

const APP = 'large'
const BUCKET = 'artifacts'
/** Bytes that are made at once. */
const CHUNK = 16 * 2 ** 20
/** Bytes of resident memory that a transfer may take, whatever its size. */
const MOST = 200e6

/** Prints, at the end of the process, the most of its memory that was resident (proc_pid_status(5), VmHWM). */
const PEAK = `data:text/javascript,${encodeURIComponent(`
import { readFileSync, writeSync } from 'node:fs'
process.on('exit', () => writeSync(2, '\\n' + /^VmHWM:.*$/m.exec(readFileSync('/proc/self/status', 'utf8'))[0] + '\\n'))
`)}`

/** A file that is carried, and what the programs of the system take for it. */
interface Load {
  readonly root: string
  readonly file: string
  readonly bytes: number
  /** Milliseconds of a copy and of reading it for its SHA-256. */
  readonly floor: Spread
}

interface Transfer {
  readonly store: string
  readonly what: 'put' | 'get'
  /** Milliseconds. */
  readonly time: Spread
  /** Bytes, of the run that took most. */
  readonly peak: number
  readonly runs: number
  /** Of the medians, over the floor. */
  readonly ratio: number
}

export const transfers: Subject = {
  name: 'transfers',
  about:
    'a large artifact put into and got from a directory and S3: peak memory, and time over cp + sha256sum',
  async run(bench) {
    const root = await mkdtemp(join(tmpdir(), 'pypaas-bench-transfers-'))
    const end = bench.ends.add(() => rm(root, { recursive: true, force: true }))
    const runs = bench.quick ? 1 : 3
    const load = await makeLoad(bench, root, bench.quick ? 128 * 2 ** 20 : 2 ** 31, runs)
    const directory = join(root, 'store')
    await mkdir(directory)
    const measured = await measure(bench, load, 'directory', { store: directory }, { puts: runs, gets: runs })
    const missing = whyNoS3()
    if (missing === undefined) measured.push(...(await overS3(bench, load, runs)))
    bench.report({
      title: `An artifact of ${Math.round(load.bytes / 2 ** 20)} MiB; cp + sha256sum of it take ${seconds(load.floor.median)}`,
      rows: [
        ['', 'runs', 'time', '/ cp + sha256sum', 'peak memory', '/ 200 MB', 'aim'],
        ...measured.map(row),
        ...(missing === undefined ? [] : [[`S3: not measured, ${missing}`, '', '', '', '', '', '']]),
      ],
      notes: [
        'Each is a process of its own, its start included; it syncs what it writes to the disk, cp does not.',
        'S3 is a Ceph gateway on this machine, which keeps its objects in memory and shares the processors.',
      ],
      data: {
        bytes: load.bytes,
        floor: load.floor,
        most: MOST,
        transfers: measured,
        s3: missing ?? 'measured',
      },
    })
    await end()
  },
}

function row({ store, what, time, peak, runs, ratio }: Transfer): string[] {
  return [
    `${what}, ${store}`,
    String(runs),
    seconds(time.median),
    times(ratio),
    megabytes(peak),
    times(peak / MOST),
    verdict(peak, MOST, megabytes),
  ]
}

/** A tar of bytes that do not compress, on the disk. */
async function makeLoad(bench: Bench, root: string, bytes: number, runs: number): Promise<Load> {
  bench.say(`transfers: ${bytes / 2 ** 20} MiB of random bytes`)
  const chunks = (function* () {
    for (let made = 0; made < bytes; made += CHUNK) yield randomBytes(CHUNK)
  })()
  await pipeline(Readable.from(chunks), createWriteStream(join(root, 'payload')))
  const file = join(root, `${APP}.tar`)
  await execa('tar', ['-cf', file, '--remove-files', '-C', root, 'payload'])
  // Written out now, not while something is measured.
  await execa('sync', ['-f', file])
  const taken: number[] = []
  for (let run = 0; run < runs; run++) {
    const copy = join(root, 'copy')
    const start = performance.now()
    await execa('cp', [file, copy])
    await execa('sha256sum', [copy])
    taken.push(performance.now() - start)
    await rm(copy)
  }
  return { root, file, bytes: (await stat(file)).size, floor: spreadOf(taken) }
}

/** Ceph gives the room of what is removed back only hours later: it is put once. */
async function overS3(bench: Bench, load: Load, gets: number): Promise<Transfer[]> {
  bench.say('transfers: starting Ceph')
  const server = await startS3()
  const end = bench.ends.add(() => server.stop())
  await server.makeBucket(BUCKET)
  const { endpoint, accessKey, secretKey } = server
  const s3 = { endpoint, path_style: true, access_key: accessKey, secret_key: secretKey }
  const measured = await measure(bench, load, 'S3', { store: `s3://${BUCKET}`, s3 }, { puts: 1, gets })
  await end()
  return measured
}

/** @param artifacts the settings of pypaas.yml */
async function measure(
  bench: Bench,
  { root, file, floor }: Load,
  store: string,
  artifacts: object,
  { puts, gets }: { readonly puts: number; readonly gets: number },
): Promise<Transfer[]> {
  const home = join(root, `home-${store}`)
  await mkdir(join(home, 'config'), { recursive: true })
  await writeFile(join(home, 'config', 'pypaas.yml'), stringify({ artifacts }), { mode: 0o600 })
  const into = join(root, 'got.tar')
  // The first object of all has the gateway make what it keeps objects in.
  await writeFile(join(home, 'small'), 'x')
  await pypaas(home, ['put', 'small', '1.0.0', join(home, 'small')])
  const put: Ran[] = []
  const get: Ran[] = []
  for (let run = 0; run < puts; run++) {
    bench.say(`transfers: put, ${store}, ${run + 1} of ${puts}`)
    const version = `1.0.${run}`
    put.push(await pypaas(home, ['put', APP, version, file]))
    if (run > 0) await pypaas(home, ['delete', APP, `1.0.${run - 1}`])
  }
  for (let run = 0; run < gets; run++) {
    bench.say(`transfers: get, ${store}, ${run + 1} of ${gets}`)
    get.push(await pypaas(home, ['get', APP, '--output', into]))
    await rm(into)
  }
  const of = (what: Transfer['what'], ran: readonly Ran[]): Transfer => {
    const time = spreadOf(ran.map(({ took }) => took))
    const peak = Math.max(...ran.map((each) => each.peak))
    return { store, what, time, peak, runs: ran.length, ratio: time.median / floor.median }
  }
  return [of('put', put), of('get', get)]
}

interface Ran {
  /** Milliseconds. */
  readonly took: number
  /** Bytes. */
  readonly peak: number
}

async function pypaas(home: string, args: readonly string[]): Promise<Ran> {
  const start = performance.now()
  const { stderr } = await execa(
    process.execPath,
    ['--import', PEAK, PROGRAM, '--home', home, 'artifact', ...args],
    { stdin: 'ignore' },
  )
  const took = performance.now() - start
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(stderr)?.[1]
  if (peak === undefined) throw new Error(`the process did not tell its memory: ${stderr}`)
  return { took, peak: Number(peak) * 1024 }
}

function seconds(value: number): string {
  return `${(value / 1000).toFixed(2)} s`
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}
