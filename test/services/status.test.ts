import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseStatus, serviceState } from '../../src/services/daemontools.ts'
import { lastLogLines, parseLine } from '../../src/services/logs.ts'
import { releaseStatus } from '../../src/services/status.ts'
import { startServices, stopServices } from '../../src/services/tree.ts'
import { parseListeners } from '../../src/system/listeners.ts'
import { sendSignal } from '../../src/system/process-table.ts'
import { eventually, release, runner, servicesContext, started } from './release.ts'

describe('the status of a release', () => {
  test('tells of every process: pid, port, since when, restarts', async () => {
    const ctx = await servicesContext()
    const made = release([
      runner('sleep 1000', { name: 'web', ports: [61_501, 61_502] }),
      runner('false', { name: 'worker' }),
    ])
    expect((await releaseStatus(ctx, made)).map(({ state, restarts }) => [state, restarts])).toEqual([
      ['unsupervised', 0],
      ['unsupervised', 0],
      ['unsupervised', 0],
    ])
    const before = Date.now()
    await started(ctx, made)
    const status = await eventually('the processes', async () => {
      const found = await releaseStatus(ctx, made)
      return (
        found[0]?.pid !== undefined && found[1]?.pid !== undefined && found[2]?.state === 'crashing' && found
      )
    })
    expect(status.slice(0, 2)).toMatchObject([
      { runner: 'web', index: 0, state: 'up', port: 61_501, restarts: 0 },
      { runner: 'web', index: 1, state: 'up', port: 61_502, restarts: 0 },
    ])
    const since = Date.parse(status[0]?.since ?? '')
    expect(since).toBeGreaterThanOrEqual(before)
    expect(since).toBeLessThanOrEqual(Date.now())

    // supervise calls it up before its start has been counted; the pid is noted behind that.
    await eventually('the count of its start', () =>
      existsSync(join(ctx.paths.service(made, 'web', 0), 'pid')),
    )
    sendSignal(status[0]?.pid ?? 0, 'SIGKILL')
    const after = await eventually('a restart of both', async () => {
      const found = await releaseStatus(ctx, made)
      // Its start may be counted before supervise has said that it is up.
      return found[0]?.restarts === 1 && found[0].state !== 'down' && (found[2]?.restarts ?? 0) > 0 && found
    })
    expect(after[0]).toMatchObject({ runner: 'web', state: 'crashing' })
    expect(after[1]).toMatchObject({ pid: status[1]?.pid, state: 'up', restarts: 0 })
    const later = { ...ctx, now: () => new Date(Date.now() + 60_000) }
    await eventually('its new pid', async () => (await releaseStatus(later, made))[0]?.state === 'up')
    await stopServices(ctx, made)
  })

  test('after all of a release was ended and started again, as by a reboot, nothing counts as crashing', async () => {
    const ctx = await servicesContext()
    const made = release([runner('sleep 1000', { name: 'web' })])
    await started(ctx, made)
    const directory = ctx.paths.service(made, 'web', 0)
    // Its start is counted, and supervise has noted that it is up: whichever comes first.
    const counted = async (): Promise<boolean> =>
      existsSync(join(directory, 'pid')) && (await releaseStatus(ctx, made))[0]?.state !== 'down'
    await eventually('the count of its start', counted)
    await stopServices(ctx, made)
    await rm(join(directory, 'pid'))
    await startServices(ctx, made)
    await eventually('the count of its next start', counted)
    expect(await releaseStatus(ctx, made)).toMatchObject([{ state: 'up', restarts: 0 }])
    // A boot of which no more than the number is the same.
    await stopServices(ctx, made)
    await writeFile(join(directory, 'starts'), '7 1 another-boot\n')
    await rm(join(directory, 'pid'))
    await startServices(ctx, made)
    await eventually('the count of its third start', counted)
    expect(await releaseStatus(ctx, made)).toMatchObject([{ state: 'up', restarts: 0 }])
    await stopServices(ctx, made)
  })
})

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex')

describe('the status file of supervise', () => {
  test('is read', () => {
    // 2026-01-02 03:04:05.678 UTC, pid 0x1234, not paused, want up
    expect(parseStatus(bytes('40000000695735af2869a480341200000075'))).toEqual({
      pid: 0x1234,
      since: new Date('2026-01-02T03:04:05.678Z'),
      paused: false,
      want: 'up',
    })
  })

  test('of a paused and of a down service too', () => {
    expect(parseStatus(bytes('40000000695735af00000000000000000164'))).toMatchObject({
      pid: undefined,
      paused: true,
      want: 'down',
    })
  })

  test('that is not whole tells nothing', () => {
    expect(parseStatus(bytes('40'))).toMatchObject({ pid: undefined, since: undefined })
  })

  test('that is not there means that nothing runs', () => {
    expect(serviceState('/nonexistent')).toMatchObject({ supervised: false, pid: undefined })
  })
})

describe('a line of a log', () => {
  test('has its time', () => {
    expect(parseLine('@40000000695735af2869a480 hello  @world')).toEqual({
      time: new Date('2026-01-02T03:04:05.678Z'),
      text: 'hello  @world',
    })
  })

  test('is text without one', () => {
    expect(parseLine('@4000 hello')).toEqual({ time: undefined, text: '@4000 hello' })
  })
})

test('the last lines of a log go on in the files that multilog has put away', async () => {
  const ctx = await servicesContext()
  const made = release([runner('true')])
  const directory = join(ctx.paths.service(made, 'web', 0), 'log', 'main')
  await mkdir(directory, { recursive: true })
  const files = {
    '@40000000695735af00000000.s': 'one\ntwo\n',
    '@40000000695735af00000001.s': 'three\n',
    '@40000000695735af00000002.t': 'not yet whole\n',
    current: 'four\nfive\nunfinished',
    state: '',
    lock: '',
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
  const last = async (count: number): Promise<string[]> =>
    (await lastLogLines(ctx, made, 'web', 0, count)).map(({ text }) => text)
  expect(await last(0)).toEqual([])
  expect(await last(2)).toEqual(['five', 'unfinished'])
  expect(await last(5)).toEqual(['two', 'three', 'four', 'five', 'unfinished'])
  expect(await last(100)).toHaveLength(6)
  expect(await lastLogLines(ctx, made, 'web', 1, 5)).toEqual([])
})

test('the kernel’s table of sockets is read', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:F03C 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0
   1: 0100007F:F03C 0100007F:1234 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0 100 0 0 10 0
   2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4713 1 0
   3: 00000000000000000000000000000000:0051 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4714 1 0
`
  expect(parseListeners(table)).toEqual([
    { address: '127.0.0.1', port: 61_500, inode: '4711' },
    { address: '::1', port: 80, inode: '4713' },
    { address: '::', port: 81, inode: '4714' },
  ])
})
