/** `kill -9` of the daemon while it pulls a branch from a git repository. */
import { expect, test } from 'vitest'
import { leftovers } from '../support/host.ts'
import { SOON } from '../support/web.ts'
import { expectServed, gitUpstream, haltingUpstream, pullSite, some, spread } from './pull-site.ts'
import { killPoints, type Fault } from './site.ts'

test(
  'a git source: wherever the daemon is killed, one commit is live, and the new one comes once',
  { timeout: 400_000 },
  async () => {
    const site = await pullSite(await gitUpstream())
    const total = await site.count('version counted', 'pull.lock')
    expect(total).toBeGreaterThan(10)
    let number = 0
    const killed = (fault: Fault, live?: boolean) => site.killed(`version ${++number}`, fault, live)
    for (const call of spread(total, 3)) await killed({ from: 'pull.lock', call })
    for (const { note, when, live } of some(await killPoints(site.host))) await killed({ note, when }, live)
    await killed({ from: 'pulled.json', call: 1 }, true)
    await expectServed(site)
    expect(await site.host.stop()).toEqual([])
  },
)

test(
  'a fetch that a killed daemon has left at work is ended by the next command',
  { timeout: 120_000 },
  async () => {
    const upstream = await haltingUpstream()
    const { host, isWhole, arrives } = await pullSite(upstream)
    await upstream.hold()
    const version = await upstream.publish('version 1')
    await host.serve()
    await expect.poll(upstream.begun, SOON).toBe(true)
    await host.endDaemon('SIGKILL')
    const fetching = async (): Promise<string[]> =>
      (await leftovers(host.home)).filter((line) => / fetch | upload-pack/.test(line))
    expect(await fetching()).not.toEqual([])
    expect(await host.pypaas('list')).toMatchObject({ status: 0, stderr: '' })
    expect(await fetching()).toEqual([])
    await isWhole('fetching')
    await upstream.go()
    await arrives('version 1', version)
    await isWhole('version 1')
    expect(await host.stop()).toEqual([])
  },
)
