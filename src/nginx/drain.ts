/** Waits until nothing is in flight any more to processes that nginx no longer routes to. */
import { readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { commandLineOf, connectionsOf, connectionsTo, isAlive } from '../system/processes.ts'
import { nginxRunning } from './managed.ts'
import { endingWorkersAmong, endingWorkersOf } from './reload.ts'

export interface DrainOptions {
  /** The ports of the processes that are to end. */
  readonly oldPorts: readonly number[]
  /** The workers that may still have requests for them. Default: all that are shutting down. */
  readonly oldWorkers?: readonly number[]
  /** Seconds. */
  readonly timeout: number
  readonly signal?: AbortSignal | undefined
}

/** Seconds without any sign of a request after which there is none. */
const QUIET = 1
/** The same where the workers cannot be looked into, since another user's nginx runs them. */
const QUIET_UNSEEN = 5

/**
 * Resolves when the old workers are gone, or when for a while no connection was open to the old ports and no
 * old worker was still taking in a request, which opens one only when it is complete. `timeout`: it took too long.
 * @throws PypaasError `cancelled` on the signal
 */
export async function awaitDrained(ctx: Context, options: DrainOptions): Promise<'drained' | 'timeout'> {
  const { oldPorts, oldWorkers = [], timeout, signal } = options
  if (oldPorts.length === 0) return 'drained'
  const workers = oldWorkers.length > 0 ? oldWorkers : await endingWorkers(ctx)
  const begin = performance.now()
  let quietSince: number | undefined
  for (let pause = 2; ; pause = Math.min(pause * 1.3, 100)) {
    if (signal?.aborted === true) throw new PypaasError('cancelled', 'cancelled while requests were ending')
    const left = workers && (await living(workers))
    if (left?.length === 0) return 'drained'
    const open = await connectionsTo(oldPorts)
    const pending = open > 0 ? true : await hasPendingRequests(ctx, left)
    const now = performance.now()
    if (pending === true) quietSince = undefined
    else {
      quietSince ??= now
      const quiet = pending === undefined ? QUIET_UNSEEN : QUIET
      if (now - quietSince >= quiet * 1000) return 'drained'
    }
    if (now - begin >= timeout * 1000) return 'timeout'
    await sleep(pause)
  }
}

/** Workers that are shutting down: of our nginx, or of any on a host's. Undefined: they cannot be seen. */
async function endingWorkers(ctx: Context): Promise<number[] | undefined> {
  if (ctx.config.main.nginx.mode === 'managed') {
    const master = await nginxRunning(ctx)
    return master === undefined ? [] : endingWorkersOf(master)
  }
  // A /proc that hides the processes of others (hidepid) hides the first, too.
  if ((await commandLineOf(1)) === undefined) return undefined
  return endingWorkersAmong((await readdir('/proc')).map(Number).filter(Number.isInteger))
}

async function living(pids: readonly number[]): Promise<number[]> {
  const alive = await Promise.all(pids.map(isAlive))
  return pids.filter((_, at) => alive[at] === true)
}

/**
 * Whether old workers have clients whose request has not reached any process: one that is still being sent.
 * A worker that is shutting down closes idle clients, so each that is left has a request; one that is not yet
 * may get another. Undefined: it cannot be seen.
 */
async function hasPendingRequests(
  ctx: Context,
  workers: readonly number[] | undefined,
): Promise<boolean | undefined> {
  const { http, https } = ctx.config.main.nginx
  if (workers === undefined) return undefined
  const connections = await connectionsOf(workers)
  if (connections === undefined) return undefined
  if ((await endingWorkersAmong(workers)).length < workers.length) return true
  const clients = connections.filter(({ local }) => local === http.port || local === https.port)
  return clients.length > connections.length - clients.length
}
