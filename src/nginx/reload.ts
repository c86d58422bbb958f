/** Reloads a running nginx and makes sure that it has: by the processes, not by its word. */
import { open, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { PypaasError } from '../errors.ts'
import { childrenOf, commandLineOf, isAlive } from '../system/processes.ts'

const WORKER = 'nginx: worker process'
const ENDING = 'nginx: worker process is shutting down'

/** All workers of a master, those included that are shutting down, and those that have just been born. */
export async function workersOf(master: number): Promise<number[]> {
  const children = await childrenOf(master)
  const titles = await Promise.all(children.map(commandLineOf))
  return children.filter((_, at) => titles[at] !== undefined && !titles[at].startsWith('nginx: cache '))
}

/** The workers that take connections. */
export async function servingWorkersOf(master: number): Promise<number[]> {
  const children = await childrenOf(master)
  const titles = await Promise.all(children.map(commandLineOf))
  return children.filter((_, at) => titles[at] === WORKER)
}

/** The workers that take no new connections any more, and go on with those that they have. */
export async function endingWorkersOf(master: number): Promise<number[]> {
  return endingWorkersAmong(await childrenOf(master))
}

/** The same among any processes. */
export async function endingWorkersAmong(pids: readonly number[]): Promise<number[]> {
  const titles = await Promise.all(pids.map(commandLineOf))
  return pids.filter((_, at) => titles[at] === ENDING)
}

export interface ReloadOptions {
  /** Undefined: not readable. */
  readonly errorLog: string | undefined
  /** Seconds until it counts as failed. */
  readonly timeout: number
  /**
   * Tell the older workers ourselves to shut down once the new ones serve. The master lets both serve for a
   * tenth of a second before it does (`ngx_msleep(100)` in ngx_process_cycle.c), which every deploy would pay.
   */
  readonly hasten: boolean
}

/**
 * Calls `signal` and waits until new workers serve and all older ones are gone or shutting down.
 * Returns the older workers.
 * @throws PypaasError with the master's words if it goes on with the old configuration
 */
export async function confirmReload(
  master: number,
  options: ReloadOptions,
  signal: () => void | Promise<void>,
): Promise<number[]> {
  const older = await workersOf(master)
  const log = await followLog(options.errorLog)
  await signal()
  const end = performance.now() + options.timeout * 1000
  for (let pause = 1; ; pause = Math.min(pause * 1.3, 5)) {
    const serving = (await servingWorkersOf(master)).filter((pid) => !older.includes(pid))
    const titles = await Promise.all(older.map(commandLineOf))
    // One that has ended has no title any more, until its master takes note.
    const active = older.filter(
      (_, at) => titles[at] !== undefined && titles[at] !== '' && titles[at] !== ENDING,
    )
    if (serving.length > 0 && active.length === 0) return older
    if (options.hasten && serving.length >= active.length) for (const pid of active) shutDown(pid)
    const refusal = refusalIn(await log(), master)
    if (refusal !== undefined) throw failure(refusal, await log())
    if (!(await isAlive(master))) throw failure('its master process ended', await log())
    if (performance.now() > end) throw failure(`no new workers within ${options.timeout} s`, await log())
    await sleep(pause)
  }
}

/** QUIT is a worker's graceful shutdown, as from its master. */
function shutDown(worker: number): void {
  try {
    process.kill(worker, 'SIGQUIT')
  } catch {
    // It has gone, or its master is left to do it.
  }
}

/** Why the master kept its configuration. It tries an address that is taken five times before it says so for good. */
function refusalIn(log: readonly string[], master: number): string | undefined {
  const words = log
    .map((line) => new RegExp(`\\[emerg\\] ${master}#\\d+: (.*)$`).exec(line)?.[1])
    .filter((line) => line !== undefined)
  const final = words.find((line) => !line.startsWith('bind()'))
  if (final?.startsWith('still could not bind'))
    return words.find((line) => line.startsWith('bind()')) ?? final
  return final
}

function failure(why: string, log: readonly string[]): PypaasError {
  return new PypaasError('failed', `nginx did not load its new configuration: ${why}`, {
    hint: 'nginx goes on with the former one; its error log says more',
    output: log.slice(-10),
  })
}

/** Gives the lines that a log has gained since. */
async function followLog(path: string | undefined): Promise<() => Promise<string[]>> {
  if (path === undefined) return () => Promise.resolve([])
  const from = await sizeOf(path)
  return async () => {
    const size = await sizeOf(path)
    // A reload opens the log anew: a smaller one was replaced.
    const start = size < from ? 0 : from
    if (size === start) return []
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start)
      return buffer.toString('utf8', 0, bytesRead).split('\n').filter(Boolean)
    } finally {
      await file.close()
    }
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch {
    return 0
  }
}
