import { appendFile, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { Context } from '../../src/context.ts'
import {
  deployLog,
  Journal,
  listRecords,
  pruneRecords,
  recordFile,
  writeRecord,
  type DeployRecord,
} from '../../src/deploy/journal.ts'
import { testContext } from '../support/context.ts'

const main = { repo: 'web', branch: 'main' }

function record(release: string, more: Partial<DeployRecord> = {}): DeployRecord {
  return {
    ...main,
    release,
    kind: 'push',
    commit: 'c'.repeat(40),
    subject: 'a change',
    by: 'alice',
    started: '2026-01-01T00:00:00.000Z',
    result: 'running',
    builds: true,
    phases: [],
    switched: false,
    ...more,
  }
}

/** Each look at the clock is a second later. */
async function tickingContext(): Promise<Context> {
  let seconds = 0
  return { ...(await testContext()), now: () => new Date(Date.UTC(2026, 0, 1, 0, 0, ++seconds)) }
}

const at = (second: number): string => `2026-01-01T00:00:0${second}.000Z`

test('a phase is on record before it, with the end of the one before, and stays open if it throws', async () => {
  const ctx = await tickingContext()
  const journal = new Journal(ctx, record('1'))
  const kept = async (): Promise<DeployRecord | undefined> => (await listRecords(ctx.paths, main))[0]
  await journal.phase('checkout', async () => {
    expect((await kept())?.phases).toEqual([{ name: 'checkout', began: at(1) }])
  })
  const failing = journal.phase('build', async () => {
    expect((await kept())?.phases).toEqual([
      { name: 'checkout', began: at(1), ended: at(2) },
      { name: 'build', began: at(3) },
    ])
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  expect((await kept())?.phases).toEqual([
    { name: 'checkout', began: at(1), ended: at(2) },
    { name: 'build', began: at(3) },
  ])
  journal.end('failed', 'no')
  expect(await kept()).toEqual({ ...journal.record, result: 'failed', error: 'no', ended: at(4) })
})

test('a note that was cut off leaves the one before it', async () => {
  const ctx = await testContext()
  const journal = new Journal(ctx, record('1'))
  const noted: DeployRecord[] = []
  const path = recordFile(ctx.paths, record('1'))
  for (const name of ['checkout', 'build', 'start']) {
    await journal.phase(name, async () => {
      noted.push(journal.record)
      expect(await listRecords(ctx.paths, main)).toEqual([journal.record])
      // As by a full disk.
      await appendFile(path, JSON.stringify({ ...journal.record, result: 'succeeded' }).slice(0, -2))
      expect(await listRecords(ctx.paths, main)).toEqual([journal.record])
    })
  }
  // Wherever the write of the last note was cut off.
  const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1)
  const last = lines.pop() ?? ''
  expect(JSON.parse(last)).toEqual(noted[2])
  for (let size = 0; size < last.length; size += 10) {
    await writeFile(path, [...lines, last.slice(0, size)].join('\n'))
    expect(await listRecords(ctx.paths, main)).toEqual([noted[1]])
  }
  journal.end('succeeded')
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(journal.record)
})

test('records and logs are for their owner only, and no record is ever half written', async () => {
  const ctx = await testContext()
  writeRecord(ctx.paths, record('1'))
  writeRecord(ctx.paths, record('1', { result: 'succeeded' }))
  deployLog(ctx.paths, { ...main, release: '1' }).line('hello')
  const names = (await readdir(ctx.paths.deploys(main))).toSorted()
  expect(names).toEqual(['1.json', '1.log'])
  for (const name of names) {
    expect((await stat(`${ctx.paths.deploys(main)}/${name}`)).mode & 0o777).toBe(0o600)
  }
})

test('the newest deploys are kept, and what is live however many have failed since', async () => {
  const ctx = await testContext()
  const names = ['1', '2', '3', '4', '5']
  for (const name of names) {
    writeRecord(ctx.paths, record(name))
    deployLog(ctx.paths, { ...main, release: name }).line('hello')
  }
  const left = await pruneRecords(ctx.paths, main, '2', 2)
  expect(left.map(({ release }) => release)).toEqual(['2', '4', '5'])
  expect((await readdir(ctx.paths.deploys(main))).toSorted()).toEqual(
    ['2', '4', '5'].flatMap((name) => [`${name}.json`, `${name}.log`]),
  )
  expect(await pruneRecords(ctx.paths, main, undefined, 50)).toHaveLength(3)
})
