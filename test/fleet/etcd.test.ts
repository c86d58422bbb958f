import { once } from 'node:events'
import { expect, test } from 'vitest'
import { etcdAddress, openEtcd, prefixRange } from '../../src/fleet/etcd.ts'
import { openBoard } from '../../src/fleet/fleet.ts'
import { listReports } from '../../src/fleet/report.ts'
import { takeTurn } from '../../src/fleet/turn.ts'
import { startEtcd } from '../support/etcd.ts'
import { claimPortRange } from '../support/ports.ts'
import { fleetHost } from './hosts.ts'
import { turnTests } from './turns.ts'

const ROLL = { app: 'shop', target: 'master', version: '1.2.0' }

turnTests(async () => ({ kind: 'etcd', urls: [(await startEtcd()).url] }))

test('addresses come with one user and password for all, and these are in no message', async () => {
  const address = etcdAddress(['http://a:2379', 'http://web:s%40cret@b:2379/'])
  expect(address).toEqual({
    endpoints: ['http://a:2379', 'http://b:2379'],
    login: { name: 'web', password: 's@cret' },
  })
  const { min: port } = claimPortRange(1)
  const nobody = openEtcd(etcdAddress([`http://web:s%40cret@127.0.0.1:${port}`]))
  await expect(nobody.ask('kv/range', prefixRange('x'))).rejects.toMatchObject({
    code: 'failed',
    message: `etcd does not answer: http://127.0.0.1:${port}: connection refused`,
  })
})

test('an endpoint that is away is passed over', async () => {
  const { url } = await startEtcd()
  const one = await fleetHost('one', {
    kind: 'etcd',
    urls: [`http://127.0.0.1:${claimPortRange(1).min}`, url],
  })
  await (await takeTurn(one, ROLL)).succeeded()
  expect(await listReports(await openBoard(one))).toMatchObject([{ host: 'one', version: '1.2.0' }])
})

test('with users and passwords only those who know them get a turn', async () => {
  const { url } = await startEtcd()
  const etcd = openEtcd(etcdAddress([url]))
  for (const name of ['root', 'web']) await etcd.ask('auth/user/add', { name, password: `${name}-secret` })
  await etcd.ask('auth/user/grant', { user: 'root', role: 'root' })
  await etcd.ask('auth/role/add', { name: 'turns' })
  await etcd.ask('auth/role/grant', {
    name: 'turns',
    perm: { permType: 'READWRITE', ...prefixRange('pypaas/') },
  })
  await etcd.ask('auth/user/grant', { user: 'web', role: 'turns' })
  await etcd.ask('auth/enable', {})
  const at = (login: string): string[] => [url.replace('//', `//${login}@`)]
  const one = await fleetHost('one', { kind: 'etcd', urls: at('web:web-secret') })
  await (await takeTurn(one, ROLL)).succeeded()
  for (const urls of [at('web:wrong'), [url]]) {
    const other = await fleetHost('other', { kind: 'etcd', urls })
    await expect(takeTurn(other, ROLL)).rejects.toThrow('etcd refuses')
  }
})

test('a turn that cannot be renewed is known for lost before another host gets it', async () => {
  const server = await startEtcd()
  const lock = { kind: 'etcd', urls: [server.url] } as const
  const one = await fleetHost('one', lock, { turnTimeout: 3 })
  const turn = await takeTurn(one, ROLL)
  server.freeze()
  await once(turn.signal, 'abort')
  server.thaw()
  // The version may be well, so nobody is kept from it.
  await turn.failed('the update was broken off')
  const two = await fleetHost('two', lock)
  await expect(takeTurn(two, ROLL)).resolves.toMatchObject({ signal: { aborted: false } })
})
