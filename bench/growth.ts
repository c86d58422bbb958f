/** What a host costs with more and more branches: pushes, commands, nginx, memory. */
import { setTimeout as delay } from 'node:timers/promises'
import { pathsOf } from '../src/paths.ts'
import { listUnfinished } from '../src/deploy/unfinished.ts'
import type { BenchApp } from './app.ts'
import { startHost, type BenchHost } from './host.ts'
import { prepareIdle } from './idle.ts'
import { plain } from './kinds.ts'
import { memoryOf, type Resident, type Usage } from './memory.ts'
import { countNginxWork, timeNginx, type NginxWork } from './nginx-work.ts'
import { deploy, ENTRANCES, measure, type Measured } from './push.ts'
import type { Bench, Subject } from './subject.ts'
import { mebibytes, median, milliseconds, times, verdict } from './table.ts'

/** A push to the last size over one to the first. */
const AIM = 1.2
/** Bytes of the daemon. */
const DAEMON_AIM = 90 * 2 ** 20
/** Milliseconds in which a process that has nothing to do gives memory back. */
const REST = 15_000
const KINDS = ['daemon', 'nginx', 'supervision', 'apps', 'other'] as const

interface Size {
  /** Deployed branches, the measured one included. */
  readonly branches: number
  readonly pushes: readonly Measured[]
  /** Milliseconds. */
  readonly status: number
  readonly check: number
  readonly test: number
  readonly reload: number
  /** Of the daemon right after the pushes. */
  readonly busy: Usage
  /** At rest. */
  readonly memory: Record<Resident, Usage>
  readonly work: NginxWork
}

export const growth: Subject = {
  name: 'growth',
  about: 'pushes, commands, nginx and memory with up to 500 deployed branches',
  async run(bench) {
    const host = await startHost(bench.ends)
    const app = await host.app(plain.repo, plain.source)
    await host.configureRepo(plain.repo, plain.runner)
    const idle = await prepareIdle(host)
    const sizes: Size[] = []
    for (const branches of bench.quick ? [1, 10, 50] : [1, 10, 100, 500]) {
      bench.say(`growth: deploying up to ${branches} branches`)
      await idle.growTo(branches - 1)
      await settled(host)
      bench.say(`growth: measuring ${branches} branches`)
      sizes.push(await measureSize(bench, host, app, branches))
    }
    await host.configureMain({ nginx: { switch: 'reload' } })
    await deploy(host, 'embedded server', plain.repo, app)
    const byReload = await countNginxWork(host, () => deploy(host, 'embedded server', plain.repo, app))
    reportTimes(bench, sizes)
    reportMemory(bench, sizes)
    reportWork(bench, sizes, byReload)
    await host.stop()
  },
}

async function measureSize(bench: Bench, host: BenchHost, app: BenchApp, branches: number): Promise<Size> {
  const pushes: Measured[] = []
  const few = { ...bench, runs: runsOf(bench) }
  for (const entrance of ENTRANCES) pushes.push(await measure(few, host, entrance, plain, app))
  const work = await countNginxWork(host, () => deploy(host, 'embedded server', plain.repo, app))
  await settled(host)
  const { daemon: busy } = await memoryOf(host)
  const resting = delay(REST)
  const nginx: { readonly test: number; readonly reload: number }[] = []
  for (let run = 0; run < few.runs; run++) nginx.push(await timeNginx(host))
  const status = await timeCommand(host, 'status', few.runs)
  const check = await timeCommand(host, 'check', few.runs)
  await resting
  return {
    branches,
    pushes,
    status,
    check,
    test: median(nginx.map(({ test }) => test)),
    reload: median(nginx.map(({ reload }) => reload)),
    busy,
    memory: await memoryOf(host),
    work,
  }
}

/** Four sizes take their time. */
function runsOf({ runs }: Bench): number {
  return Math.min(runs, 5)
}

/** Milliseconds of the whole program. */
async function timeCommand(host: BenchHost, command: string, runs: number): Promise<number> {
  const took: number[] = []
  for (let run = 0; run < runs; run++) {
    const start = performance.now()
    await host.pypaas([command])
    took.push(performance.now() - start)
  }
  return median(took)
}

/** Nothing is left to do after any deploy: new releases have been watched, former ones have ended. */
async function settled(host: BenchHost): Promise<void> {
  const paths = pathsOf(host.home)
  while ((await listUnfinished(paths)).length > 0) await delay(100)
}

function reportTimes(bench: Bench, sizes: readonly Size[]): void {
  const rows = [['', ...sizes.map(({ branches }) => String(branches)), 'last over first', 'aim']]
  const add = (name: string, of: (size: Size) => number, show = milliseconds): number => {
    const values = sizes.map(of)
    const factor = (values.at(-1) ?? Number.NaN) / (values[0] ?? Number.NaN)
    rows.push([name, ...values.map(show), times(factor), ''])
    return factor
  }
  const factors: object[] = []
  for (const [at, entrance] of ENTRANCES.entries()) {
    const of = (figure: (measured: Measured) => number) => (size: Size) => {
      const measured = size.pushes[at]
      return measured === undefined ? Number.NaN : figure(measured)
    }
    add(
      `floor, ${entrance}`,
      of(({ floor }) => floor.median),
    )
    const live = add(
      `live, ${entrance}`,
      of((measured) => measured.live.median),
    )
    // What the machine itself is slower by with that many processes is not ours.
    const factor = add(
      `live / floor, ${entrance}`,
      of(({ ratio }) => ratio.median),
      times,
    )
    rows.at(-1)?.splice(-1, 1, verdict(factor, AIM, times))
    factors.push({ entrance, live, liveOverFloor: factor, aim: AIM, met: factor <= AIM })
  }
  add('status', ({ status }) => status)
  add('check', ({ check }) => check)
  add('nginx -t', ({ test }) => test)
  add('nginx reload', ({ reload }) => reload)
  bench.report({
    title: `Growth with deployed branches, ${runsOf(bench)} pushes and commands each`,
    rows,
    data: { sizes, factors },
  })
}

function reportMemory(bench: Bench, sizes: readonly Size[]): void {
  const rows = [['resident (PSS)', ...sizes.map(({ branches }) => String(branches)), 'aim']]
  rows.push(['daemon, right after pushes', ...sizes.map(({ busy }) => usageText(busy)), ''])
  for (const kind of KINDS) {
    const cells = sizes.map(({ memory }) => usageText(memory[kind]))
    const most = Math.max(...sizes.map(({ memory }) => memory[kind].bytes))
    const aim = kind === 'daemon' ? DAEMON_AIM : kind === 'other' ? 0 : undefined
    rows.push([
      kind === 'daemon' ? 'daemon, at rest' : kind,
      ...cells,
      aim === undefined ? '' : verdict(most, aim, mebibytes),
    ])
  }
  bench.report({
    title: 'Memory of everything resident, by number of processes',
    rows,
    notes: [
      'supervision: svscan, supervise, multilog and setlock of all branches. other: anything of pypaas beside the daemon;',
      'with OpenSSH no daemon is needed, and this is all that there is.',
    ],
    data: sizes.map(({ branches, busy, memory }) => ({ branches, daemonRightAfterPushes: busy, memory })),
  })
}

function usageText({ processes, bytes }: Usage): string {
  return `${mebibytes(bytes)} in ${processes}`
}

function reportWork(bench: Bench, sizes: readonly Size[], byReload: NginxWork): void {
  const rows = [['a push, with', 'switch', 'files', 'changed', 'tests', 'reloads', 'aim']]
  const add = (branches: number, way: string, { files, filesChanged, tests, reloads }: NginxWork): void => {
    const most = Math.max(tests, reloads)
    const cells = [files, filesChanged, tests, reloads].map(String)
    rows.push([`${branches} branches`, way, ...cells, `at most once ${most <= 1 ? 'met' : 'above'}`])
  }
  for (const { branches, work } of sizes) add(branches, 'auto', work)
  add(sizes.at(-1)?.branches ?? 0, 'reload', byReload)
  bench.report({
    title: "nginx's part in a push",
    rows,
    data: { sizes: sizes.map(({ work }) => work), byReload },
  })
}
