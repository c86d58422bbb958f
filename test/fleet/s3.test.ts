/** Turns in a bucket of a real S3 server. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FleetConfig } from '../../src/config/types.ts'
import type { Context } from '../../src/context.ts'
import { storeSlots } from '../../src/fleet/store-slots.ts'
import { openStore } from '../../src/store/open.ts'
import { mainConfig, testContext } from '../support/context.ts'
import { startS3, whyNoS3, type S3Server } from '../support/s3.ts'
import { turnTests } from './turns.ts'

const REF = { app: 'shop', target: 'master' }

describe.skipIf(whyNoS3() !== undefined)('in S3', () => {
  let s3: S3Server
  let places = 0

  beforeAll(async () => {
    s3 = await startS3()
    await s3.makeBucket('fleet')
  })
  afterAll(() => s3.stop())

  const artifacts = (): NonNullable<Context['config']['main']['artifacts']> => ({
    store: undefined,
    allowedSigners: undefined,
    s3: s3.config,
  })

  turnTests(
    () => Promise.resolve<FleetConfig['lock']>({ kind: 'store', at: `s3://fleet/${++places}` }),
    () => ({ artifacts: artifacts() }),
  )

  test('the turn of a host that is gone is free when its time is over, by the clock of the server', async () => {
    const ctx = await testContext({ main: mainConfig({ artifacts: artifacts() }) })
    const slots = storeSlots(await openStore(ctx, `s3://fleet/${++places}`))
    const holder = { version: '1.2.0', since: '2026-01-01T00:00:00.000Z' }
    expect(await slots.take(REF, { ...holder, host: 'gone', id: 'a' }, 1, 2)).toBeDefined()
    const next = { ...holder, host: 'next', id: 'b' }
    expect(await slots.take(REF, next, 1, 60)).toBeUndefined()
    await expect.poll(() => slots.take(REF, next, 1, 60), { timeout: 20_000 }).toBeDefined()
    expect(await slots.holders(REF)).toEqual([next])
  })
})
