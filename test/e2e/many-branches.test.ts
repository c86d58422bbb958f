import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { createHost } from '../support/host.ts'

test(
  'a push of twelve branches, all watched at once, makes the daemon complain of nothing',
  { timeout: 120_000 },
  async () => {
    // Each is watched until the host stops.
    const host = await createHost({ watch: { seconds: 600 } })
    const names = Array.from({ length: 12 }, (_, at) => `branch-${at}`)
    const worker = { type: 'SimpleProcess', cmd: 'sleep 600', health: { uptime: 0 } }
    const branches = names.map((name) => [name, { runners: { worker } }])
    await host.configure('repos/many.yml', { branches: Object.fromEntries(branches) })
    const { child } = await host.serve()
    const said = child.stderr === null ? undefined : text(child.stderr)
    const app = await host.app({ README: 'nothing to build\n' })
    const refs = names.map((name) => `main:refs/heads/${name}`)
    const { status, stderr } = await app.git('push', host.url('many'), ...refs)
    expect(status, stderr).toBe(0)
    expect(stderr.match(/-----> Live/g)).toHaveLength(names.length)
    expect(stderr).not.toContain('Warning')
    expect(await host.stop()).toEqual([])
    expect(await said).toBe('')
  },
)
