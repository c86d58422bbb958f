/** Pushes to many branches at once. */
import { cpus } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { plainServer } from './app.ts'
import { startHost } from './host.ts'
import { ENTRANCES, timeDeploy } from './push.ts'
import type { Subject } from './subject.ts'
import { median, milliseconds, times } from './table.ts'

const REST = 1000
/** Milliseconds between two questions to each of them: many at a time would be a load of their own. */
const PAUSE = 40

export const parallel: Subject = {
  name: 'parallel',
  about: 'pushes to twenty branches at once, over one alone',
  async run(bench) {
    const host = await startHost(bench.ends)
    const count = bench.quick ? 5 : 20
    const cores = cpus().length
    const repos = Array.from({ length: count }, (_, at) => `repo-${at}`)
    for (const repo of repos) {
      await host.configureRepo(repo, { type: 'NginxBackend', cmd: 'node server.mjs' })
    }
    const app = await host.app('parallel', plainServer)
    const rows = [['entrance', 'alone', 'at once: all live', 'over one alone', 'one core / cores', 'of that']]
    const data: object[] = []
    for (const entrance of ENTRANCES) {
      bench.say(`parallel: ${entrance}`)
      const alone: number[] = []
      // The first round makes the repos, the second is one after the other, the third at once.
      for (const measured of [false, true]) {
        const version = await app.next()
        for (const repo of repos) {
          const { live } = await timeDeploy(host, entrance, repo, app, version, PAUSE)
          if (measured) alone.push(live)
          if (measured) await delay(100)
        }
        await delay(REST)
      }
      const version = await app.next()
      const deploys = repos.map((repo) => timeDeploy(host, entrance, repo, app, version, PAUSE))
      const lives = (await Promise.all(deploys)).map(({ live }) => live)
      const one = median(alone)
      const all = Math.max(...lives)
      const work = (alone.reduce((sum, live) => sum + live, 0) / count) * (count / cores)
      rows.push([
        entrance,
        milliseconds(one),
        milliseconds(all),
        times(all / one),
        milliseconds(work),
        times(all / work),
      ])
      data.push({ entrance, count, cores, alone, atOnce: lives, ratio: all / one, work })
      await delay(REST)
    }
    const notes = [
      `"one core / cores" is what ${count} pushes take if each keeps one of ${cores} cores busy all the time.`,
    ]
    bench.report({ title: `${count} pushes to ${count} branches at once`, rows, notes, data })
    await host.stop()
  },
}
