import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { takeTurn } from '../../src/fleet/turn.ts'
import { temporaryDirectory } from '../support/context.ts'
import { fleetHost } from './hosts.ts'
import { turnTests } from './turns.ts'

const ROLL = { app: 'shop', target: 'master', version: '1.2.0' }

turnTests(async () => ({ kind: 'store', at: await temporaryDirectory() }))

test('the turn of a host that is gone is free when its time is over, by the time of the store', async () => {
  const at = await temporaryDirectory()
  const slot = join(at, '.turns/shop/master/0.json')
  await mkdir(join(slot, '..'), { recursive: true })
  const holder = { host: 'gone', version: '1.2.0', since: '2026-01-01T00:00:00.000Z', id: 'x' }
  await writeFile(slot, JSON.stringify({ holder, seconds: 60 }))
  const written = async (secondsAgo: number): Promise<void> => {
    const time = Date.now() / 1000 - secondsAgo
    await utimes(slot, time, time)
  }
  const one = await fleetHost('one', { kind: 'store', at })
  await written(50)
  await expect(takeTurn(one, ROLL, { wait: 0 })).rejects.toThrow('updating now: gone')
  await written(70)
  const turn = await takeTurn(one, ROLL, { wait: 0 })
  await turn.succeeded()
  expect((await readdir(join(at, '.fleet/shop/master'))).filter((name) => !name.startsWith('.'))).toEqual([
    'one.json',
  ])
})

test('a turn that somebody else has taken is lost', async () => {
  const at = await temporaryDirectory()
  const one = await fleetHost('one', { kind: 'store', at }, { turnTimeout: 3 })
  const turn = await takeTurn(one, ROLL)
  const holder = { host: 'other', version: '1.2.0', since: '2026-01-01T00:00:00.000Z', id: 'x' }
  await writeFile(join(at, '.turns/shop/master/0.json'), JSON.stringify({ holder, seconds: 60 }))
  await expect.poll(() => turn.signal.aborted, { timeout: 20_000 }).toBe(true)
  await turn.release()
  const two = await fleetHost('two', { kind: 'store', at })
  await expect(takeTurn(two, ROLL, { wait: 0 })).rejects.toThrow('updating now: other')
})
