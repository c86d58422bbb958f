/** What holds for turns, wherever they are kept: each place runs these. */
import { expect, test } from 'vitest'
import type { FleetConfig, MainConfig } from '../../src/config/types.ts'
import type { Context } from '../../src/context.ts'
import { PypaasError } from '../../src/errors.ts'
import { openBoard } from '../../src/fleet/fleet.ts'
import { listReports } from '../../src/fleet/report.ts'
import { fleetStatus } from '../../src/fleet/status.ts'
import { clearStop, listStops } from '../../src/fleet/stop.ts'
import { takeTurn } from '../../src/fleet/turn.ts'
import { fleetHost as hostOf } from './hosts.ts'

const ROLL = { app: 'shop', target: 'feature/x', version: '1.2.0' }
const SOON = { timeout: 20_000 }

/** Seconds: few, but more than a busy machine keeps anybody waiting. */
const SHORT = 6

/**
 * @param place a new place for the turns of one test
 * @param main more of the hosts' settings
 */
export function turnTests(
  place: () => Promise<FleetConfig['lock']>,
  main: () => Partial<MainConfig> = () => ({}),
): void {
  const fleetHost = (
    host: string,
    lock: FleetConfig['lock'],
    settings?: Partial<FleetConfig>,
  ): Promise<Context> => hostOf(host, lock, settings, main())

  test('one host at a time has the turn; the next has it when the first is done', async () => {
    const lock = await place()
    const [one, two] = [await fleetHost('one', lock), await fleetHost('two', lock)]
    const first = await takeTurn(one, ROLL)
    await expect(takeTurn(two, ROLL, { wait: 0, live: '1.1.0' })).rejects.toMatchObject({
      code: 'busy',
      message: "shop/feature/x: not this host's turn; updating now: one (to 1.2.0)",
    })
    const waited: string[] = []
    const second = takeTurn(two, ROLL, { live: '1.1.0', output: { line: (line) => waited.push(line) } })
    await expect
      .poll(
        async () => (await listReports(await openBoard(two), ROLL)).map(({ host, turn }) => [host, turn]),
        SOON,
      )
      .toEqual([
        ['one', 'has'],
        ['two', 'waits'],
      ])
    await first.succeeded()
    await (await second).succeeded()
    expect(waited).toEqual(['shop/feature/x: waiting for one (to 1.2.0) to finish updating'])
    const reports = await listReports(await openBoard(two), ROLL)
    expect(reports).toMatchObject([
      { host: 'one', version: '1.2.0', health: 'healthy', turn: 'none' },
      { host: 'two', version: '1.2.0', health: 'healthy', turn: 'none' },
    ])
  })

  test('never more hosts than `max_unavailable` have a turn, however many ask at once', async () => {
    const lock = await place()
    let [now, most, done] = [0, 0, 0]
    await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        const host = await fleetHost(`host${index}`, lock, { maxUnavailable: 2 })
        const turn = await takeTurn(host, ROLL, { wait: 60 })
        most = Math.max(most, ++now)
        // The first stays until another is there as well.
        await expect.poll(() => most, SOON).toBeGreaterThan(1)
        now--
        done++
        await turn.succeeded()
      }),
    )
    expect({ most, done }).toEqual({ most: 2, done: 6 })
  })

  test('a host that fails stops that version for all, until a newer one has gone well', async () => {
    const lock = await place()
    const [one, two] = [await fleetHost('one', lock), await fleetHost('two', lock)]
    const failing = await takeTurn(one, ROLL, { live: '1.1.0' })
    const waiting = takeTurn(two, ROLL, { live: '1.1.0' })
    const refused = waiting.catch((error: unknown) => error)
    await failing.failed('no answer on port 8000')
    expect(await refused).toMatchObject({
      code: 'busy',
      message: 'the roll-out of shop/feature/x 1.2.0 is stopped: it failed on one: no answer on port 8000',
      hint: 'publish a newer version, or, when the reason is gone, `fleet resume shop feature/x`',
    })
    await expect(takeTurn(one, ROLL)).rejects.toThrow('is stopped')
    const board = await openBoard(two)
    expect(fleetStatus(await listReports(board), await listStops(board), new Date())).toMatchObject([
      {
        app: 'shop',
        target: 'feature/x',
        stopped: { version: '1.2.0', host: 'one', why: 'no answer on port 8000' },
        hosts: [
          { host: 'one', version: '1.1.0', health: 'failed', turn: 'none', to: '1.2.0' },
          { host: 'two', version: '1.1.0', turn: 'none', why: 'kept back: it failed on one' },
        ],
      },
    ])
    const newer = await takeTurn(two, { ...ROLL, version: '1.2.1' })
    await newer.succeeded()
    expect(await listStops(board)).toEqual([])
  })

  test('a stop is cleared by hand, and other fleets go on meanwhile', async () => {
    const lock = await place()
    const one = await fleetHost('one', lock)
    await (await takeTurn(one, ROLL)).failed('the disk was full')
    await (await takeTurn(one, { ...ROLL, target: 'master' })).succeeded()
    expect(await clearStop(await openBoard(one), ROLL)).toMatchObject({ version: '1.2.0', host: 'one' })
    await (await takeTurn(one, ROLL)).succeeded()
  })

  test('a turn that is given back keeps nobody from the version', async () => {
    const lock = await place()
    const [one, two] = [await fleetHost('one', lock), await fleetHost('two', lock)]
    const turn = await takeTurn(one, ROLL, { live: '1.1.0' })
    await turn.release()
    await turn.failed('too late to matter')
    await (await takeTurn(two, ROLL, { wait: 0 })).release()
    expect(await listReports(await openBoard(one), ROLL)).toMatchObject([
      { host: 'one', version: '1.1.0', turn: 'none' },
      { host: 'two', version: null, turn: 'none' },
    ])
  })

  test('a turn outlasts its time while its holder is at work', async () => {
    const lock = await place()
    const one = await fleetHost('one', lock, { turnTimeout: SHORT })
    const two = await fleetHost('two', lock, { turnTimeout: SHORT })
    const turn = await takeTurn(one, ROLL)
    await expect(takeTurn(two, ROLL, { wait: SHORT * 1.5 })).rejects.toMatchObject({ code: 'busy' })
    expect(turn.signal.aborted).toBe(false)
    await turn.succeeded()
  })

  test('waiting ends when it is cancelled', async () => {
    const lock = await place()
    const [one, two] = [await fleetHost('one', lock), await fleetHost('two', lock)]
    const turn = await takeTurn(one, ROLL)
    const cancel = new AbortController()
    const waiting = takeTurn(two, ROLL, { signal: cancel.signal, output: { line: () => cancel.abort() } })
    await expect(waiting).rejects.toBeInstanceOf(PypaasError)
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
    await turn.release()
  })
}
