import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lockDescriptor } from '../../src/system/lock-descriptor.ts'
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

test('one who has waited for a file that its holder deleted holds the one that is there then', async () => {
  const path = join(await temporaryDirectory(), 'lock')
  const held = await lock(path, { what: 'first', now })
  const order: string[] = []
  const second = lock(path, { what: 'second', now, onWait: () => order.push('waits') })
  await expect.poll(() => order).toEqual(['waits'])
  await rm(path)
  await held.release()
  const next = await second
  await expect(lock(path, { what: 'third', now, wait: 0 })).rejects.toMatchObject({
    code: 'busy',
    message: expect.stringContaining('locked by second') as string,
  })
  await next.release()
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

test('one who waits for some seconds only is told who held it then', async () => {
  const path = join(await temporaryDirectory(), 'lock')
  const held = await lock(path, { what: 'first', now })
  await expect(lock(path, { what: 'second', now, wait: 0.1 })).rejects.toMatchObject({
    code: 'busy',
    message: expect.stringContaining('locked by first') as string,
  })
  await held.release()
})

test('a lock dies with its holder, however that ends', async () => {
  const path = join(await temporaryDirectory(), 'lock')
  const script = `
    import { openSync } from 'node:fs'
    import { tryLock } from 'fs-native-extensions'
    console.log(tryLock(openSync(process.argv[1], 'a+')))
    setInterval(() => {}, 1000)`
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [said] = (await once(holder.stdout, 'data')) as [Buffer]
  expect(String(said)).toBe('true\n')
  await expect(lock(path, { what: 'other', now, wait: 0 })).rejects.toMatchObject({ code: 'busy' })
  const next = lock(path, { what: 'other', now })
  holder.kill('SIGKILL')
  await (await next).release()
})

test('a lock that the kernel refuses is an error, not a lock that somebody holds', async () => {
  const path = join(await temporaryDirectory(), 'lock')
  await writeFile(path, '')
  const file = await open(path, 'r')
  await expect(lockDescriptor(file.fd, path, 0)).rejects.toMatchObject({
    code: 'failed',
    where: path,
    message: expect.stringMatching(/^a file cannot be locked: .*bad file descriptor/i) as string,
  })
  await file.close()
})

test('a program that is started meanwhile does not keep the lock', async () => {
  const path = join(await temporaryDirectory(), 'lock')
  const held = await lock(path, { what: 'first', now })
  const child = spawn('sleep', ['600'])
  await once(child, 'spawn')
  await held.release()
  const next = await lock(path, { what: 'second', now, wait: 0 })
  expect(child.exitCode).toBeNull()
  await next.release()
  child.kill()
  await once(child, 'exit')
})
