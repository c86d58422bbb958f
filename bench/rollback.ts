/** Going back: from the command to the first answer of the former release. */
import { setTimeout as delay } from 'node:timers/promises'
import { plainServer } from './app.ts'
import { startFloor, timeBoot } from './floor.ts'
import { domainOf, startHost, type BenchHost, type Entrance } from './host.ts'
import { firstAnswer } from './http.ts'
import { deploy, ENTRANCES } from './push.ts'
import type { Subject } from './subject.ts'
import { milliseconds, spreadOf, verdict } from './table.ts'

const REPO = 'plain'
/** Milliseconds above the app's own boot. */
const AIM = 500
const REST = 500

/** How the command is given. */
interface Way {
  readonly way: string
  readonly entrance?: Entrance
  readonly go: (host: BenchHost, commit: string) => Promise<unknown>
}

const WAYS: readonly Way[] = [
  { way: 'on the host', go: (host, commit) => host.pypaas(['rollback', REPO, 'main', commit]) },
  ...ENTRANCES.map((entrance) => ({
    way: `ssh, ${entrance}`,
    entrance,
    go: (host: BenchHost, commit: string) => host.command(entrance, 'rollback', REPO, 'main', commit),
  })),
]

export const rollback: Subject = {
  name: 'rollback',
  about: 'from the command to the first answer of the former release',
  async run(bench) {
    const host = await startHost(bench.ends)
    const app = await host.app(REPO, plainServer)
    await host.configureRepo(REPO, { type: 'NginxBackend', cmd: 'node server.mjs' })
    const releases: { readonly version: string; readonly commit: string }[] = []
    for (const version of ['version 1', 'version 2']) {
      await deploy(host, 'embedded server', REPO, app)
      releases.push({ version, commit: await app.git('rev-parse', 'HEAD') })
    }
    const floors = {
      'embedded server': await startFloor(host, 'embedded server', bench.ends),
      OpenSSH: await startFloor(host, 'OpenSSH', bench.ends),
    }
    const rows = [
      ['rollback', 'boot', 'ssh login', 'answers after', 'above boot: min', 'median', 'max', 'aim'],
    ]
    const data: object[] = []
    // The second is live: first back to the first, then to and fro.
    let turn = 0
    for (const { way, entrance, go } of WAYS) {
      bench.say(`rollback: ${way}`)
      const boots: number[] = []
      const logins: number[] = []
      const answers: number[] = []
      for (let run = 0; run < bench.runs; run++) {
        await delay(REST)
        const target = releases[turn++ % 2]
        if (target === undefined) continue
        boots.push(await timeBoot(app.dir, ['node', 'server.mjs']))
        logins.push(entrance === undefined ? 0 : await floors[entrance].login())
        const start = performance.now()
        const [answered] = await Promise.all([
          firstAnswer(host.http, domainOf(REPO), target.version),
          go(host, target.commit),
        ])
        answers.push(answered - start)
      }
      const boot = spreadOf(boots)
      const login = spreadOf(logins)
      const answer = spreadOf(answers)
      const above = spreadOf(answers.map((answered, at) => answered - (boots[at] ?? Number.NaN)))
      rows.push([
        way,
        milliseconds(boot.median),
        entrance === undefined ? '' : milliseconds(login.median),
        milliseconds(answer.median),
        milliseconds(above.min),
        milliseconds(above.median),
        milliseconds(above.max),
        verdict(above.median, AIM, milliseconds),
      ])
      data.push({ way, boot, login, answer, above, aim: AIM, met: above.median <= AIM })
    }
    bench.report({
      title: `Rollback to the first answer of the former release, ${bench.runs} runs each`,
      rows,
      data,
    })
    await host.stop()
  },
}
