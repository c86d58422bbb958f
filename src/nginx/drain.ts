/**
 * Waits until nothing is in flight any more to processes that nginx no longer routes to. Where nginx counts its requests,
 * by the count; else by what the kernel tells of workers and connections.
 */
import { readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { commandLineOf, connectionsOf, connectionsTo, isAlive, startOf, uptime } from '../system/processes.ts'
import { requestsInFlight } from './dictionary.ts'
import { nginxRunning } from './managed.ts'
import { endingWorkersAmong, endingWorkersOf } from './reload.ts'

export interface DrainOptions {
  /** The ports of the processes that are to end. */
  readonly oldPorts: readonly number[]
  /** The workers that may still have requests for them. Default: all that are shutting down. */
  readonly oldWorkers?: readonly number[]
  /** Ports that nginx does not count, since the operator set how it picks a process. */
  readonly uncounted?: readonly number[]
  /** Seconds. */
  readonly timeout: number
  readonly signal?: AbortSignal | undefined
}

/** Seconds without any sign of a request after which there is none. */
const QUIET = 1
/** The same where the workers cannot be looked into, since another user's nginx runs them. */
const QUIET_UNSEEN = 5

/** `quiet`: none is seen, which has to stay so for these seconds. */
type Look =
  { readonly kind: 'none' } | { readonly kind: 'some' } | { readonly kind: 'quiet'; readonly seconds: number }

/**
 * Resolves when no request is in flight to the old ports any more. `timeout`: it took too long.
 * @throws PypaasError `cancelled` on the signal
 */
export async function awaitDrained(ctx: Context, options: DrainOptions): Promise<'drained' | 'timeout'> {
  const { oldPorts, timeout, signal } = options
  if (oldPorts.length === 0) return 'drained'
  const begin = performance.now()
  let quietSince: number | undefined
  let look = await looksByCount(ctx, options)
  for (let pause = 2; ; pause = Math.min(pause * 1.3, 100)) {
    if (signal?.aborted === true) throw new PypaasError('cancelled', 'cancelled while requests were ending')
    let seen = await look?.()
    if (seen === undefined) {
      look = await looksByTable(ctx, options)
      seen = await look()
    }
    if (seen === undefined || seen.kind === 'none') return 'drained'
    const now = performance.now()
    if (seen.kind === 'some') quietSince = undefined
    else {
      quietSince ??= now
      if (now - quietSince >= seen.seconds * 1000) return 'drained'
    }
    if (now - begin >= timeout * 1000) return 'timeout'
    await sleep(pause)
  }
}

/** Looks at nginx's own count. Undefined: it does not count all that may be in flight. */
async function looksByCount(
  ctx: Context,
  { oldPorts, uncounted = [], timeout }: DrainOptions,
): Promise<(() => Promise<Look | undefined>) | undefined> {
  if (oldPorts.some((port) => uncounted.includes(port))) return undefined
  const first = await requestsInFlight(ctx)
  if (first === undefined || (await hasOlderWorkers(ctx, first.since, timeout))) return undefined
  return async () => {
    const counted = await requestsInFlight(ctx)
    if (counted === undefined) return undefined
    if (oldPorts.every((port) => !counted.requests.has(port))) return pendingLook(ctx)
    // An answer that only the client still has to get, or an operator's Lua in the place of our count.
    return (await connectionsTo(oldPorts)) > 0 ? { kind: 'some' } : { kind: 'quiet', seconds: QUIET }
  }
}

/** Whether workers of before a reload may still give requests to the old processes, of which none is counted yet. */
async function pendingLook(ctx: Context): Promise<Look> {
  const ending = await endingWorkers(ctx)
  if (ending === undefined || ending.length === 0) return { kind: 'none' }
  return lookOf(await hasPendingRequests(ctx, ending))
}

function lookOf(pending: boolean | undefined): Look {
  if (pending === true) return { kind: 'some' }
  return { kind: 'quiet', seconds: pending === undefined ? QUIET_UNSEEN : QUIET }
}

/** Whether workers are still ending that began before nginx counted: right after a change of the switch. */
async function hasOlderWorkers(ctx: Context, since: number, timeout: number): Promise<boolean> {
  const workers = await endingWorkers(ctx)
  if (workers === undefined) return (await uptime()) - since < timeout
  const starts = await Promise.all(workers.map(startOf))
  return starts.some((start) => start !== undefined && start < since)
}

/**
 * Looks whether the old workers are gone, or no connection is open to the old ports and no old worker is still
 * taking in a request, which opens one only when it is complete.
 */
async function looksByTable(
  ctx: Context,
  { oldPorts, oldWorkers = [] }: DrainOptions,
): Promise<() => Promise<Look>> {
  const workers = oldWorkers.length > 0 ? oldWorkers : await endingWorkers(ctx)
  return async () => {
    const left = workers && (await living(workers))
    if (left?.length === 0) return { kind: 'none' }
    if ((await connectionsTo(oldPorts)) > 0) return { kind: 'some' }
    return lookOf(await hasPendingRequests(ctx, left))
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
