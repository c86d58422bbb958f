/** A push, and the first answer of the new version, over the floor of the same run. */
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../src/errors.ts'
import type { BenchApp } from './app.ts'
import { startFloor, type Floor } from './floor.ts'
import { domainOf, startHost, type BenchHost, type Entrance } from './host.ts'
import { firstAnswer } from './http.ts'
import { express, plain, python, site, type Kind } from './kinds.ts'
import type { Bench, Subject } from './subject.ts'
import { milliseconds, spreadOf, times, verdict, type Spread } from './table.ts'

/** The aim: live within so many floors. */
export const AIM = 1.5
/** Milliseconds for what a deploy leaves to the background, which is not to count for the next floor. */
const REST = 500

export const ENTRANCES = ['embedded server', 'OpenSSH'] as const

/** All in milliseconds; of each run the floor and the deploy came one after the other. */
export interface Measured {
  readonly floor: Spread
  /** The parts of the floor. */
  readonly parts: Readonly<Record<string, Spread>>
  /** Until git has ended. */
  readonly push: Spread
  /** Until the new version has answered. */
  readonly live: Spread
  /** Of each run, live over floor. */
  readonly ratio: Spread
}

export const push: Subject = {
  name: 'push',
  about: 'a push and the first answer of the new version, over the floor',
  async run(bench) {
    const host = await startHost(bench.ends)
    const rows = [
      [
        'app, entrance',
        'floor is push +',
        'floor',
        'push',
        'live',
        'live / floor: min',
        'median',
        'max',
        'aim',
      ],
    ]
    const data: object[] = []
    const notes: string[] = []
    const kinds: (() => Kind | Promise<Kind>)[] = [
      () => plain,
      () => express(host, false),
      () => express(host, true),
      () => python(host),
      () => site,
    ]
    for (const make of kinds) {
      const kind = await make()
      try {
        const app = await host.app(kind.repo, kind.source)
        await host.configureRepo(kind.repo, kind.runner, kind.env)
        for (const entrance of kind === plain ? ENTRANCES : (['embedded server'] as const)) {
          bench.say(`push: ${kind.name}, ${entrance}`)
          const measured = await measure(bench, host, entrance, kind, app)
          rows.push(rowOf(kind, entrance, measured))
          data.push({ app: kind.name, entrance, aim: AIM, met: measured.ratio.median <= AIM, ...measured })
        }
      } catch (error) {
        // One that cannot be built here (a registry out of reach) does not keep the others from being measured.
        notes.push(`${kind.name}: left out, ${messageOf(error).split('\n')[0]}`)
      }
    }
    bench.report({ title: `Push to live, ${bench.runs} runs each`, rows, notes, data })
    await host.stop()
  },
}

function rowOf(kind: Kind, entrance: Entrance, { floor, push: pushed, live, ratio }: Measured): string[] {
  return [
    `${kind.name}, ${entrance}`,
    Object.keys(kind.parts).join(' + '),
    milliseconds(floor.median),
    milliseconds(pushed.median),
    milliseconds(live.median),
    times(ratio.min),
    times(ratio.median),
    times(ratio.max),
    verdict(ratio.median, AIM, times),
  ]
}

/** Measures an app whose repo is configured. Floor and deploy take turns, so that both see the same machine. */
export async function measure(
  { runs, ends }: Pick<Bench, 'runs' | 'ends'>,
  host: BenchHost,
  entrance: Entrance,
  kind: Kind,
  app: BenchApp,
): Promise<Measured> {
  const floor = await startFloor(host, entrance, ends)
  try {
    await deploy(host, entrance, kind.repo, app)
    await kind.prepare?.(app)
    await floor.push(app)
    const seen: Run[] = []
    for (let run = 0; run < runs; run++) {
      await delay(REST)
      const version = await app.next()
      const parts = await timeFloor(floor, kind, app)
      seen.push({ parts, ...(await timeDeploy(host, entrance, kind.repo, app, version)) })
    }
    return summary(seen)
  } finally {
    await floor.end()
  }
}

interface Run {
  readonly parts: Readonly<Record<string, number>>
  readonly push: number
  readonly live: number
}

async function timeFloor(floor: Floor, kind: Kind, app: BenchApp): Promise<Record<string, number>> {
  const parts: Record<string, number> = { push: await floor.push(app) }
  for (const [name, time] of Object.entries(kind.parts)) parts[name] = await time(app)
  return parts
}

/** Milliseconds from the start of a push until git has ended and until `version` is answered. */
export async function timeDeploy(
  host: BenchHost,
  entrance: Entrance,
  repo: string,
  app: BenchApp,
  version: string,
  pause?: number,
): Promise<{ readonly push: number; readonly live: number }> {
  const failed = new AbortController()
  const start = performance.now()
  const answered = firstAnswer(host.http, domainOf(repo), version, {
    signal: failed.signal,
    ...(pause === undefined ? {} : { pause }),
  })
  const pushed = app.push(host.url(entrance, repo), host.ssh).catch((error: unknown) => {
    failed.abort()
    throw error
  })
  const [end, live] = await Promise.all([pushed.then(() => performance.now()), answered.catch(() => pushed)])
  if (live === undefined) throw new Error(`${domainOf(repo)} never answered ${version}`)
  return { push: end - start, live: live - start }
}

/** One deploy that is not measured. */
export async function deploy(
  host: BenchHost,
  entrance: Entrance,
  repo: string,
  app: BenchApp,
): Promise<void> {
  const version = await app.next()
  await app.push(host.url(entrance, repo), host.ssh)
  await firstAnswer(host.http, domainOf(repo), version)
}

function summary(runs: readonly Run[]): Measured {
  const floors = runs.map(({ parts }) => Object.values(parts).reduce((sum, part) => sum + part, 0))
  const names = Object.keys(runs[0]?.parts ?? {})
  const parts = names.map((name) => [name, spreadOf(runs.map((run) => run.parts[name] ?? 0))])
  return {
    floor: spreadOf(floors),
    parts: Object.fromEntries(parts) as Record<string, Spread>,
    push: spreadOf(runs.map((run) => run.push)),
    live: spreadOf(runs.map((run) => run.live)),
    ratio: spreadOf(runs.map((run, at) => run.live / (floors[at] ?? Number.NaN))),
  }
}
