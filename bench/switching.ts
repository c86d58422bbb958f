/** What clients notice of deploys, with either way to switch. */
import { disturbances, DRAIN, makeSite } from './disturbances.ts'
import { startHost } from './host.ts'
import type { Subject } from './subject.ts'
import { verdict } from './table.ts'

export const switching: Subject = {
  name: 'switch',
  about: 'requests refused and connections broken during deploys, with either switch',
  async run(bench) {
    const rows = [['load', 'switch', 'deploys', 'requests', 'broken', 'aim']]
    const notes: string[] = []
    const data: object[] = []
    for (const way of ['lua', 'reload'] as const) {
      const host = await startHost(bench.ends, { nginx: { switch: way }, drain_timeout: DRAIN })
      for (const disturbance of disturbances) {
        const { name } = disturbance
        bench.say(`switch: ${name}, ${way}`)
        const counted = await disturbance.run(await makeSite(bench, host, disturbance))
        if (typeof counted === 'string') {
          notes.push(`${name}, ${way}: ${counted}`)
          continue
        }
        const { deploys, sent, broken, how } = counted
        // A reload ends idle kept connections; it is said, and no aim.
        const aim = way === 'lua' ? verdict(broken, 0, String) : 'counted'
        rows.push([name, way, String(deploys), String(sent), String(broken), aim])
        if (how !== '') notes.push(`${name}, ${way}: ${how}`)
        data.push({ load: name, switch: way, deploys, sent, broken, how })
      }
      await host.stop()
    }
    bench.report({ title: 'Refused and broken during deploys', rows, notes, data })
  },
}
