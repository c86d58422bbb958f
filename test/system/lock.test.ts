import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { holderOf, lock } from '../../src/system/lock.ts'
import { temporaryDirectory } from '../support/context.ts'

const now = new Date('2026-11-20T12:00:00Z')

test('a held lock is refused to others, who learn of its holder', async () => {
  const path = join(await temporaryDirectory(), 'a', 'lock')
  const held = await lock(path, { what: 'deploy of web main by alice', now })
  await expect(lock(path, { what: 'other', now, wait: 0 })).rejects.toMatchObject({
    code: 'busy',
    message: `locked by deploy of web main by alice (process ${process.pid}, since 2026-11-20T12:00:00.000Z)`,
  })
  await held.release()
  const next = await lock(path, { what: 'other', now, wait: 0 })
  expect(await holderOf(path)).toMatchObject({ what: 'other' })
  await next.release()
  expect(await holderOf(path)).toBeUndefined()
})

test('one who waits gets the lock when it is released', async () => {
  const path = join(await temporaryDirectory(), 'lock')
  const held = await lock(path, { what: 'first', now })
  const order: string[] = []
  const second = lock(path, {
    what: 'second',
    now,
    onWait: (holder) => order.push(`waits for ${holder?.what}`),
  })
  await expect.poll(() => order).toEqual(['waits for first'])
  await held.release()
  await (await second).release()
})

test('one who waits can be cancelled', async () => {
  const path = join(await temporaryDirectory(), 'lock')
  const held = await lock(path, { what: 'first', now })
  const cancel = new AbortController()
  const second = lock(path, {
    what: 'second',
    now,
    signal: cancel.signal,
    onWait: () => setTimeout(() => cancel.abort(), 20),
  })
  await expect(second).rejects.toMatchObject({ code: 'cancelled' })
  await held.release()
})

test('a lock dies with its holder, however that ends', async () => {
  const path = join(await temporaryDirectory(), 'lock')
  const holder = spawn('flock', ['-x', path, 'sh', '-c', 'echo held; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(holder.stdout, 'data')
  await expect(lock(path, { what: 'other', now, wait: 0 })).rejects.toMatchObject({ code: 'busy' })
  const next = lock(path, { what: 'other', now })
  // flock(1) has forked: both processes hold the lock.
  const child = (
    await (
      await import('node:fs/promises')
    ).readFile(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8')
  ).trim()
  process.kill(Number(child), 'SIGKILL')
  holder.kill('SIGKILL')
  await (await next).release()
})
