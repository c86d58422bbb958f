import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { flock } from '../../src/system/flock.ts'
import { temporaryDirectory } from '../support/context.ts'

/** A lock file that another program holds, and that file open for ourselves. */
async function heldByAnother() {
  const path = join(await temporaryDirectory(), 'lock')
  const holder = spawn('setlock', [path, 'sh', '-c', 'echo held; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(holder.stdout, 'data')
  const file = await open(path, 'r')
  onTestFinished(() => file.close())
  return { holder, fd: file.fd }
}

test('the lock of setlock(8) is seen, and is free when all that it has started has ended', async () => {
  const { holder, fd } = await heldByAnother()
  expect(await flock(fd, ['-n'])).toBe(false)
  expect(await flock(fd, ['-w', '0.05'])).toBe(false)
  const waiting = flock(fd, [])
  holder.kill('SIGKILL')
  expect(await waiting).toBe(true)
})

test('waiting for it can be cancelled', async () => {
  const { holder, fd } = await heldByAnother()
  const cancel = new AbortController()
  const waiting = flock(fd, [], cancel.signal)
  cancel.abort()
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
  holder.kill('SIGKILL')
})
