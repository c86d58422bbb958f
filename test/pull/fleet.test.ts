import { access, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { DEFAULT_S3, openArtifacts } from '../../src/store/open.ts'
import { temporaryDirectory } from '../support/context.ts'
import { packed, puller, type Puller } from '../support/pull.ts'
import { SOON } from '../support/web.ts'

it('hosts that pull one artifact update one after the other', async () => {
  const { hosts, publish } = await fleet('one', 'two')
  const [one, two] = hosts as [Puller, Puller]
  await publish('1')
  await one.hook('post', 'wait', 'touch begun; while [ ! -e go ]; do sleep 0.02; done')
  const first = one.pull()
  await expect.poll(() => isThere(join(one.local, 'begun')), SOON).toBe(true)
  const second = two.pull()
  await expect.poll(() => two.said.join('\n'), SOON).toMatch(/waiting for one/)
  await expect(two.current()).rejects.toThrow(/ENOENT/)
  await writeFile(join(one.local, 'go'), '')
  expect(await first).toBe('updated')
  expect(await second).toBe('updated')
})

it('a host whose hooks revert a version stops it for the others, until there is a newer one', async () => {
  const { hosts, publish } = await fleet('one', 'two')
  const [one, two] = hosts as [Puller, Puller]
  await publish('1')
  for (const host of hosts) expect(await host.pull()).toBe('updated')
  await publish('2')
  await one.hook('post', 'check', '! grep -q 2 "$CURRENT_CONFIG/version"')
  await expect(one.pull()).rejects.toThrow(/reverted/)
  await expect(two.pull()).rejects.toMatchObject({
    code: 'busy',
    message: expect.stringMatching(/stopped: it failed on one/) as string,
  })
  for (const host of hosts) expect(await host.read('version')).toBe('1')
  await publish('3')
  for (const host of hosts) expect(await host.pull()).toBe('updated')
  expect(await two.read('version')).toBe('3')
})

it('a host that is blocked by itself keeps nobody from updating', async () => {
  const { hosts, publish } = await fleet('one', 'two')
  const [one, two] = hosts as [Puller, Puller]
  await publish('1')
  await one.hook('pre', 'no', 'exit 1')
  await expect(one.pull()).rejects.toThrow(/blocked/)
  expect(await two.pull()).toBe('updated')
})

/** Hosts with one repository of artifacts, one of which updates at a time. */
async function fleet(
  ...names: string[]
): Promise<{ hosts: Puller[]; publish: (version: string) => Promise<void> }> {
  const store = await temporaryDirectory()
  const artifacts = {
    store: { kind: 'directory' as const, path: store },
    allowedSigners: undefined,
    s3: DEFAULT_S3,
  }
  const hosts = await Promise.all(
    names.map((host) =>
      puller(
        'artifact:shop/live',
        {},
        { artifacts, fleet: { host, lock: undefined, maxUnavailable: 1, turnTimeout: 60 } },
      ),
    ),
  )
  return {
    hosts,
    async publish(version) {
      const archive = join(await temporaryDirectory(), 'shop.tar.gz')
      await packed(archive, { version })
      const [host] = hosts
      if (host === undefined) return
      const ref = { app: 'shop', target: 'live', version }
      await (await openArtifacts(host.ctx)).put(ref, archive, {})
    },
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
