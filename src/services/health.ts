/** Waits until a release is healthy, or says why it is not. */
import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { processesOf, type Release, type ReleaseProcess } from '../release.ts'
import type { Output } from '../system/output.ts'
import { hasEnded, processEntry } from '../system/process-table.ts'
import { serviceState } from './daemontools.ts'
import { endedEarly, neverHealthy } from './health-failure.ts'
import { answers, hangsUp, knock, type Site } from './probe.ts'
import { whoListens } from './who-listens.ts'

export interface HealthOptions {
  readonly signal?: AbortSignal | undefined
  readonly output: Output
  /** Under which URL the release will be asked for: the `Host` of a health request, and whether it comes over TLS. */
  readonly url?: string | undefined
}

/**
 * Pause between two looks at whether a port is open or a process lives, in milliseconds: a twentieth of the time
 * that it has been up, so that nobody waits for long after a boot, nor is a long boot looked at all the time.
 */
const LOOK = { share: 1 / 20, shortest: 2, longest: 10 }
/** Milliseconds until the kernel's table of sockets is read again. */
const TABLE_AGAIN = 250

/**
 * Returns when every process of the release is healthy. A backend is when the
 * process itself, or one below it, accepts connections on its port and, with
 * `health.path`, answers a request for that with a status in the range; a uwsgi
 * one when a worker takes connections, which it does once the app is loaded. A
 * process without a port is when it has stayed up for `health.uptime`.
 * @throws PypaasError `failed` as soon as one has ended or its time is over, with
 *   the last lines of its log; `cancelled` on the signal
 */
export async function waitHealthy(ctx: Context, release: Release, options: HealthOptions): Promise<void> {
  const site = siteOf(options.url)
  const over = new AbortController()
  const signal = options.signal === undefined ? over.signal : AbortSignal.any([options.signal, over.signal])
  // Every process listens to it, and more than once.
  setMaxListeners(0, signal)
  const waits = processesOf(release).map((process) => awaitProcess(ctx, release, process, site, signal))
  try {
    await Promise.all(waits)
  } catch (error) {
    over.abort()
    await Promise.allSettled(waits)
    if (options.signal?.aborted === true) {
      throw new PypaasError('cancelled', 'cancelled while waiting for the processes to be healthy')
    }
    throw error
  }
}

function siteOf(url: string | undefined): Site {
  if (url === undefined || !URL.canParse(url)) return { host: undefined, ssl: false }
  const { host, protocol } = new URL(url)
  return { host: host.replace(/^\*\./, 'www.'), ssl: protocol === 'https:' }
}

async function awaitProcess(
  ctx: Context,
  release: Release,
  process: ReleaseProcess,
  site: Site,
  signal: AbortSignal,
): Promise<void> {
  const { runner, index, port } = process
  const { health } = runner
  const directory = ctx.paths.service(release, runner.name, index)
  const deadline = performance.now() + health.timeout * 1000
  const backend = port === undefined ? undefined : backendCheck(process, port, site, signal)
  let seen: { readonly pid: number; readonly at: number } | undefined

  for (;;) {
    const { pid } = serviceState(directory)
    const now = performance.now()
    if (pid !== undefined) seen ??= { pid, at: now }
    if (seen !== undefined) {
      const entry = processEntry(seen.pid)
      if (pid !== seen.pid || entry === undefined || hasEnded(entry)) {
        throw await endedEarly(ctx, release, process, entry?.waitStatus)
      }
      const uptime = now - seen.at
      if (backend === undefined ? uptime >= health.uptime * 1000 : await backend.passes(pid, deadline - now))
        return
    }
    signal.throwIfAborted()
    // A process without a port may have to stay up for longer than the others may take.
    if ((backend !== undefined || seen === undefined) && performance.now() >= deadline) {
      throw await neverHealthy(ctx, release, process, seen?.pid, backend?.answer())
    }
    const pause = Math.max(LOOK.shortest, Math.min(LOOK.longest, (now - (seen?.at ?? now)) * LOOK.share))
    await delay(Math.min(health.interval * 1000, pause), undefined, { signal })
  }
}

interface BackendCheck {
  /** Looks once, for at most `limit` milliseconds. */
  passes(pid: number, limit: number): Promise<boolean>
  /** What came, so far, instead of a good answer. */
  answer(): string | undefined
}

/** The checks of a process with a port, one look at a time. */
function backendCheck(
  { runner }: ReleaseProcess,
  port: number,
  site: Site,
  signal: AbortSignal,
): BackendCheck {
  const { path, status, interval } = runner.health
  let wasFree = false
  let answer: string | undefined
  let again = 0

  async function passes(pid: number, limit: number): Promise<boolean> {
    if (performance.now() < again) return false
    const result = await knock(port, limit, signal)
    if (result === 'refused') wasFree = true
    if (result !== 'accepted') return false
    // The kernel's table takes 20 ms to read: not needed if nobody listened when the process ran already.
    if (!wasFree && !whoListens(pid, port).itself) {
      again = performance.now() + TABLE_AGAIN
      return false
    }
    if (runner.type === 'UwsgiNginxBackend') {
      // uwsgi listens before it loads the app; its workers take connections afterwards.
      if (await hangsUp(port, limit, signal)) return true
      answer = 'no answer'
      again = performance.now() + interval * 1000
      return false
    }
    if (path === undefined || runner.type !== 'NginxBackend') return true
    const wrong = await answers({ port, path, ...site }, status, limit, signal)
    // That the last question was cut off by the end of the time tells less than a real answer.
    if (wrong !== 'no answer' || answer === undefined) answer = wrong
    again = performance.now() + interval * 1000
    return wrong === undefined
  }
  return { passes, answer: () => answer }
}
