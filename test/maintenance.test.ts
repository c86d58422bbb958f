import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { enterMaintenance, inMaintenance, leaveMaintenance, readMaintenance } from '../src/maintenance.ts'
import { parse } from 'yaml'
import { testContext } from './support/context.ts'

const web = { repo: 'web', branch: 'main' }
const other = { repo: 'web', branch: 'feature/"x"' }

test('maintenance is entered and left branch by branch, and the file is YAML', async () => {
  const ctx = { ...(await testContext()), now: () => new Date('2026-08-01T10:15:00Z') }
  expect((await inMaintenance(ctx))(web)).toBe(false)
  await enterMaintenance(ctx, web, ['node', 'worker'])
  await enterMaintenance(ctx, other, [])
  await enterMaintenance({ ...ctx, now: () => new Date('2027-01-01T00:00:00Z') }, web, ['node'])
  const entries = [
    { ...web, runners: ['node', 'worker'], since: '2026-08-01T10:15:00.000Z' },
    { ...other, runners: [], since: '2026-08-01T10:15:00.000Z' },
  ]
  expect(await readMaintenance(ctx)).toEqual(entries)
  expect(parse(await readFile(ctx.paths.maintenance, 'utf8'))).toEqual(entries)
  await leaveMaintenance(ctx, web)
  await leaveMaintenance(ctx, web)
  const maintained = await inMaintenance(ctx)
  expect([maintained(web), maintained(other)]).toEqual([false, true])
  await leaveMaintenance(ctx, other)
  expect(parse(await readFile(ctx.paths.maintenance, 'utf8'))).toEqual([])
})

test('branches that enter and leave at the same time do not undo each other', async () => {
  const ctx = await testContext()
  const refs = Array.from({ length: 6 }, (_, at) => ({ repo: `r${at}`, branch: 'main' }))
  await Promise.all(refs.map((ref) => enterMaintenance(ctx, ref, [])))
  await Promise.all(refs.slice(1).map((ref) => leaveMaintenance(ctx, ref)))
  expect((await readMaintenance(ctx)).map(({ repo }) => repo)).toEqual(['r0'])
})

test('what pyPaaS left in the file counts as nothing', async () => {
  const ctx = await testContext()
  await writeFile(ctx.paths.maintenance, '---\nweb: {main: true}\n- broken\n')
  expect(await readMaintenance(ctx)).toEqual([])
  await enterMaintenance(ctx, web, [])
  expect(await readMaintenance(ctx)).toHaveLength(1)
})
