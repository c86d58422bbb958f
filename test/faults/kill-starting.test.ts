/** `kill -9` of a daemon that starts, on a host where everything is in order. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/context.ts'
import { PYPAAS, run } from '../support/host.ts'
import { restingShape } from './shape.ts'
import { expectServed, faulty, faultSite, MAIN } from './site.ts'

test(
  'a daemon that is killed at any call of its start leaves a whole host after one command',
  { timeout: 240_000 },
  async () => {
    const site = await faultSite()
    const { host, settled, recovered } = site
    // The first one makes what there is once: a host key.
    await host.serve()
    await host.endDaemon('SIGTERM')
    await settled()
    const count = join(await temporaryDirectory(), 'count')
    await host.serve(faulty({ command: 'serve', count }))
    await restingShape(host, MAIN)
    await host.endDaemon('SIGTERM')
    await recovered()
    const total = Number(await readFile(count, 'utf8'))
    expect(total).toBeGreaterThan(10)
    for (let call = 1; call <= total; call++) {
      const serve = [PYPAAS, '--home', host.home, 'serve']
      const { status, stdout } = await run(process.execPath, serve, faulty({ command: 'serve', call }))
      expect(status, `${call}: ${stdout}`).toBe(255)
      await recovered()
    }
    await expectServed(site)
    expect(await host.stop()).toEqual([])
  },
)
