/**
 * Turns: a host updates only while it has one, so that never more than so many are away at once. One that fails
 * stops the roll-out of that version for all others, before it gives its turn to the next.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { silent, type Output } from '../system/output.ts'
import { openFleet, type Fleet } from './fleet.ts'
import { hold, type Held } from './held.ts'
import { writeReport, type Changes } from './report.ts'
import { rollName, type Holder, type Roll, type Stop } from './roll.ts'
import type { Claim } from './slots.ts'
import { clearStop, readStop, stopRoll } from './stop.ts'

/** Seconds that a host waits for its turn by itself; then it looks anew what the newest version is. */
const WAIT = 30

export interface TurnOptions {
  /** The version that is live on this host; undefined: none. */
  readonly live?: string | undefined
  /** Seconds to wait for others; default 30. */
  readonly wait?: number
  readonly signal?: AbortSignal
  /** Told once whom this host waits for. */
  readonly output?: Output
}

/** A turn that this host has. One of the three ends it; what comes after the first is ignored. */
export interface Turn {
  /** Aborts when the turn is lost (it could not be renewed), or with the signal of the options: undo the update. */
  readonly signal: AbortSignal
  /** The version is live and healthy here: the next host may begin. */
  succeeded(): Promise<void>
  /** The former version is live (again): no other host goes to this version. `live`: what is live now, if it changed. */
  failed(why: string, live?: string): Promise<void>
  /** Nothing was tried, or somebody cancelled it: the turn is given back, and nobody is kept from it. */
  release(): Promise<void>
}

/**
 * Waits until this host may update to a version. Without a fleet in the configuration it may at once.
 * @throws PypaasError `busy` if the roll-out is stopped or the wait is over, `cancelled` on the signal,
 *   `failed` if the place of the turns cannot be reached: then nothing may be updated
 */
export async function takeTurn(ctx: Context, roll: Roll, options: TurnOptions = {}): Promise<Turn> {
  const fleet = await openFleet(ctx)
  if (fleet === undefined) return freeTurn(options)
  const wanted: Wanted = { ctx, fleet, roll, options }
  await refuseStopped(wanted)
  const held = hold(ctx, await waitForClaim(wanted), fleet.seconds, options.signal)
  try {
    // Whoever had the turn before may have stopped the roll-out; it did so before it gave the turn back.
    return await begun(wanted, held, await refuseStopped(wanted))
  } catch (error) {
    await held.release()
    throw error
  }
}

/** Who wants a turn for what. */
interface Wanted {
  readonly ctx: Context
  readonly fleet: Fleet
  readonly roll: Roll
  readonly options: TurnOptions
}

/** @param stop of a former version, which this one makes good */
async function begun(wanted: Wanted, held: Held, stop: Stop | undefined): Promise<Turn> {
  const { ctx, fleet, roll, options } = wanted
  const since = ctx.now().toISOString()
  const atWork = (): Promise<void> => {
    const until = new Date(ctx.now().getTime() + fleet.seconds * 1000).toISOString()
    return say(wanted, { turn: 'has', to: roll.version, since, until })
  }
  await atWork()
  held.onRenewed(atWork)
  let over = false
  const end = async (work: () => Promise<void>): Promise<void> => {
    if (over) return
    over = true
    await held.quiet()
    await work()
    await held.release()
  }
  return {
    signal: held.signal,
    succeeded: () =>
      end(async () => {
        await say(wanted, { version: roll.version, health: 'healthy', turn: 'none' })
        if (stop !== undefined) await clearStop(fleet.board, roll, stop)
      }),
    failed: (why, live = options.live) =>
      end(async () => {
        // The version may be well: the update was broken off because the turn was lost.
        if (held.isLost()) return say(wanted, { turn: 'none' })
        // Before the report and the turn's end: the next host must see it. If it cannot be written, the turn is
        // not given back either, but runs out.
        await stopRoll(fleet.board, roll, {
          version: roll.version,
          host: fleet.host,
          why,
          since: ctx.now().toISOString(),
        })
        await say(wanted, { version: live, health: 'failed', turn: 'none', to: roll.version, why })
      }),
    release: () => end(() => say(wanted, { turn: 'none' })),
  }
}

async function waitForClaim(wanted: Wanted): Promise<Claim> {
  const { ctx, fleet, roll, options } = wanted
  const { wait = WAIT, signal, output = silent } = options
  const holder: Holder = {
    host: fleet.host,
    version: roll.version,
    since: ctx.now().toISOString(),
    id: randomUUID(),
  }
  const deadline = performance.now() + wait * 1000
  let told = false
  for (;;) {
    const claim = signal?.aborted
      ? undefined
      : await fleet.slots.take(roll, holder, fleet.most, fleet.seconds)
    if (claim !== undefined) return claim
    const late = performance.now() >= deadline
    if (signal?.aborted || late || !told) {
      const others = await fleet.slots.holders(roll)
      const who = others.map(({ host, version }) => `${host} (to ${version})`).join(', ')
      if (signal?.aborted || late) {
        await say(wanted, { turn: 'none' })
        throw signal?.aborted ? cancelled(roll) : notYet(roll, who)
      }
      told = true
      output.line(`${rollName(roll)}: waiting for ${who} to finish updating`)
      await say(wanted, { turn: 'waits', to: roll.version })
    }
    // Not all at the same moment.
    const pause = fleet.slots.pause * (0.5 + Math.random())
    await delay(pause, undefined, signal === undefined ? {} : { signal }).catch(() => {})
    await refuseStopped(wanted)
  }
}

/** The stop of another version, if there is one. */
async function refuseStopped(wanted: Wanted): Promise<Stop | undefined> {
  const { fleet, roll } = wanted
  const stop = await readStop(fleet.board, roll)
  if (stop?.version !== roll.version) return stop
  // The one that failed has said so itself.
  if (stop.host !== fleet.host)
    await say(wanted, { turn: 'none', to: roll.version, why: `kept back: it failed on ${stop.host}` })
  throw new PypaasError(
    'busy',
    `the roll-out of ${rollName(roll)} ${roll.version} is stopped: it failed on ${stop.host}: ${stop.why}`,
    {
      hint: `publish a newer version, or, when the reason is gone, \`fleet resume ${roll.app} ${roll.target}\``,
    },
  )
}

/** The report of this host; as long as nothing else is said, the version is what was live before. */
function say(
  { ctx, fleet, roll, options }: Wanted,
  changes: Partial<Changes> & Pick<Changes, 'turn'>,
): Promise<void> {
  return writeReport(ctx, fleet, roll, { version: options.live, ...changes })
}

function notYet(roll: Roll, who: string): PypaasError {
  const why = who === '' ? 'others were faster' : `updating now: ${who}`
  return new PypaasError('busy', `${rollName(roll)}: not this host's turn; ${why}`, {
    hint: 'it is tried again at the next schedule',
  })
}

function cancelled(roll: Roll): PypaasError {
  return new PypaasError('cancelled', `${rollName(roll)}: cancelled while waiting for the turn`)
}

function freeTurn({ signal }: TurnOptions): Turn {
  return {
    signal: signal ?? new AbortController().signal,
    succeeded: nothing,
    failed: nothing,
    release: nothing,
  }
}

async function nothing(): Promise<void> {}
