import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Context } from '../../src/context.ts'
import { countBefore, leaveQueue, placeOf, queueUp, takeTurn, type Place } from '../../src/deploy/queue.ts'
import { testContext } from '../support/context.ts'

const main = { repo: 'web', branch: 'main' }

function place(ctx: Context, commit: string): Place {
  return placeOf(ctx, { commit: commit.repeat(40), by: `${commit}lice` })
}

/** Three pushes that wait, in this order. */
async function three(): Promise<{ ctx: Context; places: [Place, Place, Place] }> {
  // All within one tick of the clock.
  const ctx: Context = { ...(await testContext()), now: () => new Date(0) }
  const places: [Place, Place, Place] = [place(ctx, 'a'), place(ctx, 'b'), place(ctx, 'c')]
  for (const each of places) queueUp(ctx, main, each)
  return { ctx, places }
}

test('places count in the order in which they were asked for, also within one tick of the clock', async () => {
  const { ctx, places } = await three()
  expect(await Promise.all(places.map((each) => countBefore(ctx, main, each)))).toEqual([0, 1, 2])
  leaveQueue(ctx, main, places[0])
  expect(await countBefore(ctx, main, places[2])).toBe(1)
})

test('whoever gets the lock first, only the newest is deployed', async () => {
  for (const order of [
    [0, 1, 2],
    [2, 0, 1],
    [1, 2, 0],
  ] as const) {
    const { ctx, places } = await three()
    const outcomes = ['', '', '']
    for (const at of order) {
      const turn = takeTurn(ctx, main, places[at])
      outcomes[at] = await turn.then(
        () => 'deployed',
        (error: Error) => error.message,
      )
      leaveQueue(ctx, main, places[at])
    }
    const superseded = 'superseded by the push of ccccccccccc by clice, which is deployed instead'
    expect(outcomes).toEqual([superseded, superseded, 'deployed'])
    expect(await readdir(ctx.paths.queue(main))).toEqual([])
  }
})

test('a push that did not have to wait supersedes those that did, and not the one that came after it', async () => {
  const { ctx, places } = await three()
  const direct = place(ctx, 'd')
  const later = place(ctx, 'e')
  queueUp(ctx, main, later)
  leaveQueue(ctx, main, later)
  await takeTurn(ctx, main, direct)
  for (const each of places) {
    await expect(takeTurn(ctx, main, each)).rejects.toMatchObject({
      message: expect.stringContaining('dlice') as string,
    })
    leaveQueue(ctx, main, each)
  }
  queueUp(ctx, main, later)
  await takeTurn(ctx, main, later)
})

test('a place whose process has gone does not count', async () => {
  const ctx = await testContext()
  const gone = spawn('true')
  await once(gone, 'exit')
  const mine = place(ctx, 'a')
  await mkdir(ctx.paths.queue(main), { recursive: true })
  const left = { pid: gone.pid, commit: 'b', by: 'bob' }
  for (const name of ['0', '9'])
    await writeFile(join(ctx.paths.queue(main), name.repeat(36)), JSON.stringify(left))
  expect(await countBefore(ctx, main, mine)).toBe(0)
  await takeTurn(ctx, main, mine)
  expect(await readdir(ctx.paths.queue(main))).toEqual([])
})
