import { expect, test } from 'vitest'
import { freeze, frozen, refuseIfFrozen, unfreeze } from '../../src/deploy/freeze.ts'
import { testContext } from '../support/context.ts'

const main = { repo: 'web', branch: 'main' }

test('a freeze lasts until it is lifted, for its branch alone; the last reason counts', async () => {
  const ctx = { ...(await testContext()), now: () => new Date(0) }
  await refuseIfFrozen(ctx, main)
  await freeze(ctx, main, 'bob', 'because')
  await freeze(ctx, main, 'alice', 'sale')
  const state = { by: 'alice', why: 'sale', since: '1970-01-01T00:00:00.000Z' }
  expect(await frozen(ctx, main)).toEqual(state)
  await expect(refuseIfFrozen(ctx, main)).rejects.toMatchObject({
    exitStatus: 4,
    message: 'web main is frozen by alice since 1970-01-01T00:00:00.000Z: sale',
    hint: '`unfreeze web main` lets deploys through again',
  })
  await refuseIfFrozen(ctx, { ...main, branch: 'other' })
  expect(await unfreeze(ctx, main)).toEqual(state)
  expect(await unfreeze(ctx, main)).toBe(undefined)
  await refuseIfFrozen(ctx, main)
})
