/** `disk.max` over everything that is kept. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Context } from '../../src/context.ts'
import { pruneHome } from '../../src/deploy/prune.ts'
import { noteUnfinished } from '../../src/deploy/unfinished.ts'
import type { BranchRef } from '../../src/paths.ts'
import { listDirectory, listReleases, setLive, writeRelease } from '../../src/system/state.ts'
import { mainConfig, testContext } from '../support/context.ts'

const MEBIBYTE = 2 ** 20
const BRANCHES: readonly BranchRef[] = ['a', 'b', 'c'].map((branch) => ({ repo: 'web', branch }))

/** Three branches with three releases of a MiB each; the middle one of each is live. */
async function fullHome(max: number): Promise<Context & { later: (minutes: number) => void }> {
  let minutes = 0
  const ctx = {
    ...(await testContext({ main: mainConfig({ disk: { minFree: 0, max } }) })),
    now: () => new Date(Date.now() + minutes * 60_000),
    later(more: number) {
      minutes += more
    },
  }
  for (const ref of BRANCHES) {
    for (const name of names) {
      const checkout = ctx.paths.checkout(ref, name)
      await mkdir(checkout, { recursive: true })
      await writeFile(join(checkout, 'file'), Buffer.alloc(MEBIBYTE))
      await writeRelease(ctx.paths, {
        ...ref,
        release: name,
        checkout: name,
        commit: 'c',
        subject: '',
        by: 'alice',
        created: '',
        env: {},
        runners: [],
      })
    }
    await setLive(ctx.paths, { ...ref, release: names[1] ?? '' })
  }
  return ctx
}

const names = ['1', '2', '3'].map((day) => `2026010${day}_000000-00000000000`)
const [, live, newest] = names

async function kept(ctx: Context): Promise<(string | undefined)[][]> {
  return Promise.all(
    BRANCHES.map(async (ref) => {
      const releases = (await listReleases(ctx.paths, ref)).map(({ release }) => release)
      expect(await listDirectory(ctx.paths.checkoutsOf(ref))).toEqual(releases)
      return releases
    }),
  )
}

test('below the limit nothing goes', async () => {
  const ctx = await fullHome(20 * MEBIBYTE)
  await pruneHome(ctx)
  expect(await kept(ctx)).toEqual([names, names, names])
})

test('above it old releases go a branch at a time, until it is enough', async () => {
  const ctx = await fullHome(7.5 * MEBIBYTE)
  await pruneHome(ctx)
  expect(await kept(ctx)).toEqual([[live, newest], [live, newest], names])
})

test('what is live is never removed, however small the limit', async () => {
  const ctx = await fullHome(1)
  await pruneHome(ctx)
  expect(await kept(ctx)).toEqual([
    [live, newest],
    [live, newest],
    [live, newest],
  ])
})

test('a branch that may have to go back keeps what it would go back to', async () => {
  const ctx = await fullHome(1)
  for (const ref of BRANCHES.slice(0, 2)) noteUnfinished(ctx.paths, { ...ref, release: live ?? '' })
  await pruneHome(ctx, BRANCHES[0])
  expect(await kept(ctx)).toEqual([[live, newest], names, [live, newest]])
})

test('the disk is measured once in ten minutes', async () => {
  const ctx = await fullHome(1)
  const low = { ...ctx, config: { ...ctx.config, main: mainConfig() } }
  await pruneHome(low)
  ctx.later(9)
  await pruneHome(ctx)
  expect(await kept(ctx)).toEqual([names, names, names])
  ctx.later(2)
  await pruneHome(ctx)
  expect((await kept(ctx)).flat()).toHaveLength(6)
})
