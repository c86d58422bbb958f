import { expect, test } from 'vitest'
import type { Context } from '../../src/context.ts'
import { takeBuildSlot } from '../../src/deploy/build-slot.ts'
import type { Lock } from '../../src/system/lock.ts'
import { lastLines } from '../../src/system/output.ts'
import { testContext } from '../support/context.ts'
import { SOON } from '../support/web.ts'

const never = new AbortController().signal

async function take(ctx: Context, name: string, signal = never): Promise<Lock> {
  return takeBuildSlot(ctx, `build of ${name} main`, lastLines(1), signal)
}

test('who waits gets whichever slot becomes free first', async () => {
  const ctx = await testContext()
  for (const at of [0, 1, 0, 1, 1, 0]) {
    const held = [await take(ctx, 'a'), await take(ctx, 'b')]
    expect(new Set(held.map(({ path }) => path)).size).toBe(2)
    const output = lastLines(1)
    const waiting = takeBuildSlot(ctx, 'build of c main', output, never)
    const told = 'waiting for the build of a main, or the build of b main (builds: {parallel: 2})'
    await expect.poll(() => output.lines, SOON).toEqual([told])
    await held[at]?.release()
    const got = await waiting
    expect(got.path).toBe(held[at]?.path)
    // The other slot is left to its holder, and to those who come.
    await held[1 - at]?.release()
    await (await take(ctx, 'd')).release()
    await got.release()
  }
})

test('slots that become free at once are for two of those who wait, and the next one for the third', async () => {
  const ctx = await testContext()
  const held = [await take(ctx, 'a'), await take(ctx, 'b')]
  const output = lastLines(10)
  const got: Lock[] = []
  for (const name of ['c', 'd', 'e']) {
    void takeBuildSlot(ctx, `build of ${name} main`, output, never).then((slot) => got.push(slot))
  }
  await expect.poll(() => output.lines.length, SOON).toBe(3)
  await Promise.all(held.map((each) => each.release()))
  await expect.poll(() => got.length, SOON).toBe(2)
  expect(got[0]?.path).not.toBe(got[1]?.path)
  await got[0]?.release()
  await expect.poll(() => got.length, SOON).toBe(3)
  await Promise.all(got.slice(1).map((each) => each.release()))
})

test('who waits and is cancelled leaves every slot to the others', async () => {
  const ctx = await testContext()
  const held = [await take(ctx, 'a'), await take(ctx, 'b')]
  const cancel = new AbortController()
  const waiting = take(ctx, 'c', cancel.signal)
  cancel.abort()
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
  for (const each of held) await each.release()
  await (await take(ctx, 'd')).release()
})
