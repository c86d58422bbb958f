import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { takeTurn } from '../../src/fleet/turn.ts'
import { temporaryDirectory } from '../support/context.ts'
import { PYPAAS, run } from '../support/host.ts'
import { fleetHost } from './hosts.ts'

const ROLL = { app: 'shop', target: 'master', version: '1.2.0' }

test('`fleet status` says where a roll-out stands, and `fleet resume` lets it go on', async () => {
  const at = await temporaryDirectory()
  const home = await temporaryDirectory()
  await mkdir(join(home, 'config'))
  await writeFile(
    join(home, 'config/pypaas.yml'),
    stringify({ ports: { min: 1, max: 2 }, fleet: { host: 'desk', lock: { directory: at } } }),
  )
  const pypaas = (...args: string[]): ReturnType<typeof run> =>
    run(process.execPath, [PYPAAS, '--home', home, 'fleet', ...args])
  expect(await pypaas('status')).toEqual({
    status: 0,
    stdout: 'no host has reported anything yet',
    stderr: '',
  })
  const one = await fleetHost('one', { kind: 'store', at })
  const turn = await takeTurn(one, ROLL, { live: '1.1.0' })
  const busy = await pypaas('status', 'shop')
  expect(busy).toMatchObject({ status: 0, stderr: '' })
  expect(busy.stdout).toMatch(
    /^shop\/master\n {4}one {2}1\.1\.0 {2}unknown {2}updating to 1\.2\.0 {2}for \d+ s$/,
  )
  await turn.failed('no answer on port 8000')
  const stopped = await pypaas('status')
  expect(stopped).toMatchObject({ status: 1, stderr: '' })
  expect(stopped.stdout).toMatch(
    /^ {4}one {2}1\.1\.0 {2}failed {4}for \d+ s {2}1\.2\.0: no answer on port 8000$/m,
  )
  expect(stopped.stdout).toMatch(/^ {4}stopped: 1\.2\.0 failed on one at \S+Z: no answer on port 8000$/m)
  expect((await pypaas('status', 'shop', 'staging')).stdout).toBe(
    'no host has reported anything of shop/staging; there is shop/master',
  )
  expect(JSON.parse((await pypaas('status', '--json')).stdout)).toMatchObject([
    { app: 'shop', target: 'master', newest: null, stopped: { version: '1.2.0' }, hosts: [{ host: 'one' }] },
  ])
  expect((await pypaas('resume', 'shop')).stdout).toBe(
    'shop/master: hosts go to 1.2.0 again; it had failed on one',
  )
  await (await takeTurn(one, ROLL)).succeeded()
  expect(await pypaas('status')).toMatchObject({ status: 0 })
  expect((await pypaas('resume', 'shop')).stdout).toBe('shop/master is not stopped')
  expect(await pypaas('forget', 'two')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('no host "two" has reported anything') as string,
  })
  expect((await pypaas('forget', 'one')).stdout).toMatch(/^one is forgotten in shop\/master;/)
  expect((await pypaas('status')).stdout).toBe('no host has reported anything yet')
})

test('without a place to look, it says what to configure', async () => {
  const home = await temporaryDirectory()
  await mkdir(join(home, 'config'))
  await writeFile(join(home, 'config/pypaas.yml'), stringify({ ports: { min: 1, max: 2 } }))
  const { status, stderr } = await run(process.execPath, [PYPAAS, '--home', home, 'fleet', 'status'])
  expect(status).toBe(2)
  expect(stderr).toContain('no place is configured for what the hosts of a fleet tell each other')
})
