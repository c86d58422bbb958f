/** A host that is taken over from pyPaaS, in place, while its apps run. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listDirectory } from '../../src/system/state.ts'
import { domainWith } from '../support/apps.ts'
import { createHost, leftovers } from '../support/host.ts'
import { authorizedByPyPaaS, deployedByPyPaaS, startSvscan } from '../support/predecessor.ts'
import { answering, repoWith, SOON } from '../support/web.ts'

/** What answers at a port, if anything does. */
async function at(port: number): Promise<string> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    (response) => response.text(),
    () => '',
  )
}

test('apps of pyPaaS answer until they are deployed, one after the other', async () => {
  const host = await createHost({ services: { mode: 'external' } })
  const [shopPort, webPort] = [host.ports.min, host.ports.min + 1]
  for (const repo of ['shop', 'web']) {
    await host.configure(`repo/${repo}.yml`, repoWith())
    await host.configure(`domains/${repo}.test.yml`, domainWith(repo))
  }
  await deployedByPyPaaS(host, 'shop', shopPort)
  await deployedByPyPaaS(host, 'web', webPort)
  await authorizedByPyPaaS(host)
  const stopSvscan = await startSvscan(host)
  await expect
    .poll(async () => [await at(shopPort), await at(webPort)], SOON)
    .toEqual(['shop of pyPaaS', 'web of pyPaaS'])

  await host.serve()
  expect(await host.get('shop.test')).toMatchObject({ status: 200, body: 'shop of pyPaaS' })
  expect(await host.get('web.test')).toMatchObject({ status: 200, body: 'web of pyPaaS' })
  expect(await readFile(join(host.home, 'nginx.d.pypaas-backup', 'web.test.conf'), 'utf8')).toContain(
    'server {',
  )

  // A deploy that fails leaves what pyPaaS runs as it was.
  const app = await host.app({})
  await app.git('fetch', '-q', host.url('web'), 'main')
  await app.git('reset', '-q', '--hard', 'FETCH_HEAD')
  await app.commit({ 'server.mjs': 'process.exit(1)' })
  const failed = await app.git('push', host.url('web'), 'HEAD:main')
  expect(failed.stderr).toContain('! [remote rejected] HEAD -> main')
  expect(await host.get('web.test')).toMatchObject({ status: 200, body: 'web of pyPaaS' })

  await app.commit({ 'server.mjs': answering('web of pypaas') })
  const pushed = await app.git('push', host.url('web'), 'HEAD:main')
  expect(pushed.stderr).toContain('-----> Live at http://web.test')
  expect(pushed.status).toBe(0)
  expect(await host.get('web.test')).toMatchObject({ status: 200, body: 'web of pypaas' })
  await expect.poll(() => at(webPort), SOON).toBe('')
  expect(await host.get('shop.test')).toMatchObject({ status: 200, body: 'shop of pyPaaS' })
  const services = async (): Promise<string[]> =>
    (await listDirectory(host.paths.services)).map((name) => name.replace(/\d{8}_.*/, '…'))
  await expect.poll(services, SOON).toEqual(['web+main+…', 'web-shop-main-…'].toSorted())
  await expect
    .poll(() => readFile(host.paths.ports, 'utf8'), SOON)
    .not.toMatch(new RegExp(`^${webPort}:`, 'm'))

  const rebuilt = await host.ssh('rebuild', 'shop', 'main')
  expect(rebuilt.stdout).toContain('-----> Live at http://shop.test')
  expect(await host.get('shop.test')).toMatchObject({ status: 200, body: 'shop of pyPaaS' })
  await expect.poll(() => at(shopPort), SOON).toBe('')
  await expect.poll(services, SOON).toEqual(['shop+main+…', 'web+main+…'])

  const keys = await host.pypaas('rebuild_authorized_keys')
  expect(keys.stderr).toContain('a line of pyPaaS was replaced (alice)')
  const authorized = await readFile(host.paths.authorizedKeys, 'utf8')
  expect(authorized).toMatch(/^restrict,command=".* ssh alice" ssh-ed25519 \S+ alice$/m)
  expect(authorized).toContain('command="rsync --server" ssh-ed25519 ')
  expect(authorized).not.toContain('SSH_ORIGINAL_COMMAND')

  await stopSvscan()
  expect(await host.stop()).toEqual([])
  expect(await leftovers(host.home)).toEqual([])
})
