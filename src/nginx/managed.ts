/**
 * nginx as a program of pypaas: its own main configuration, started detached, so that it outlives whoever
 * started it and is adopted by the next.
 */
import { readdir, rename, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { readIfThere, replaceFile } from '../system/files.ts'
import { withLock } from '../system/lock.ts'
import { commandLineOf, isAlive, workingDirectoryOf } from '../system/processes.ts'
import { mainText, managedPaths, runNginx, usesLua, workerCount } from './main-config.ts'
import { complaintOf } from './mistake.ts'
import { confirmReload, servingWorkersOf } from './reload.ts'
import { tellSeed } from './seed.ts'
import { noteLoaded, setInForce } from './sets.ts'

/** Seconds that a reload may take: 1,000 domains with TLS need one and a half. */
export const RELOAD_TIMEOUT = 30
/** Seconds that requests get to end when nginx is stopped. */
const STOP_GRACE = 2
/** Bytes of the error log from which on the next reload begins a new one. */
const LOG_LIMIT = 10 * 2 ** 20

/** Pid of the running master. A pid file that tells of another process is stale. */
export async function nginxRunning(ctx: Context): Promise<number | undefined> {
  const { pid: file, main } = managedPaths(ctx)
  const pid = Number((await readIfThere(file))?.trim())
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  const line = await commandLineOf(pid)
  return line?.startsWith('nginx: master process') === true && line.includes(main) ? pid : undefined
}

/**
 * Starts nginx, or adopts the one that runs.
 * @throws PypaasError if it cannot start: which address is taken, or which file it refuses
 */
export async function ensureNginx(ctx: Context): Promise<'running' | 'started'> {
  if (await runsAsItShould(ctx)) return 'running'
  const lockFile = ctx.paths.runFile('nginx-start.lock')
  return withLock(lockFile, { what: 'start of nginx', now: ctx.now() }, async () => {
    const changed = await writeMain(ctx)
    const master = await nginxRunning(ctx)
    if (master === undefined) {
      await endOrphans(ctx)
      await start(ctx)
      return 'started'
    }
    if (changed) await reloadManaged(ctx, master)
    return 'running'
  })
}

/** Whether it has all of its workers and needs no other main configuration: looked at without the lock, by every push. */
async function runsAsItShould(ctx: Context): Promise<boolean> {
  const master = await nginxRunning(ctx)
  if (master === undefined || (await servingWorkersOf(master)).length < workerCount()) return false
  return mainIsCurrent(ctx)
}

/** The main configuration, as the files in force need it. Returns whether it was another. */
async function writeMain(ctx: Context): Promise<boolean> {
  if (await mainIsCurrent(ctx)) return false
  await replaceFile(managedPaths(ctx).main, await mainText(ctx, ctx.paths.nginxFiles))
  return true
}

async function mainIsCurrent(ctx: Context): Promise<boolean> {
  const { main } = managedPaths(ctx)
  return (await readIfThere(main)) === (await mainText(ctx, ctx.paths.nginxFiles))
}

/** Lets requests end for a moment, then ends nginx in any case. */
export async function stopNginx(ctx: Context): Promise<void> {
  const master = await nginxRunning(ctx)
  if (master !== undefined) {
    for (const [signal, seconds] of [
      ['SIGQUIT', STOP_GRACE],
      ['SIGTERM', STOP_GRACE],
      ['SIGKILL', STOP_GRACE],
    ] as const) {
      send(master, signal)
      if (await isGone(master, seconds)) break
    }
  }
  await endOrphans(ctx)
}

/** Makes the running nginx read its files anew. Returns the workers that served before. */
export async function reloadManaged(ctx: Context, master: number): Promise<number[]> {
  const { errorLog } = managedPaths(ctx)
  await writeMain(ctx)
  // The reload opens a new one.
  if ((await sizeOf(errorLog)) > LOG_LIMIT) await rename(errorLog, `${errorLog}.1`)
  return confirmReload(master, { errorLog, timeout: RELOAD_TIMEOUT, hasten: true }, () =>
    send(master, 'SIGHUP'),
  )
}

async function start(ctx: Context): Promise<void> {
  const { main, errorLog } = managedPaths(ctx)
  const set = await setInForce(ctx.paths)
  const words = await runNginx(ctx, ['-c', main], errorLog)
  if (words !== undefined) throw startFailure(words)
  await untilServing(ctx)
  // The seed may have been replaced since nginx read it.
  if (await usesLua(ctx.paths.nginxFiles)) await tellSeed(ctx)
  if (set !== undefined) await noteLoaded(ctx.paths, set)
}

/** nginx goes into the background before it has workers; a reload has to know them all. */
async function untilServing(ctx: Context): Promise<void> {
  const end = performance.now() + RELOAD_TIMEOUT * 1000
  for (;;) {
    const master = await nginxRunning(ctx)
    if (master !== undefined && (await servingWorkersOf(master)).length >= workerCount()) return
    if (performance.now() > end) throw new PypaasError('failed', 'nginx started, but its workers did not')
    await sleep(2)
  }
}

function startFailure(words: readonly string[]): PypaasError {
  const message = complaintOf(words)?.message ?? words.at(-1) ?? ''
  const [, address, number] = /^bind\(\) to (\S+) failed \((\d+):/.exec(message) ?? []
  if (address !== undefined) {
    const root = number === '13'
    const why = root ? 'only root may use this port' : 'something else listens there'
    return new PypaasError('failed', `nginx cannot listen on ${address}: ${why}`, {
      hint: `${root ? 'set another one' : 'stop it (`ss -ltnp` shows it), or set another address'} under \`nginx\` in pypaas.yml`,
    })
  }
  return new PypaasError('failed', `nginx does not start: ${message}`, {
    hint: 'correct the configuration that it names, then start again',
    output: words,
  })
}

/** Workers whose master was killed, or a master without its pid file, would hold the addresses. */
async function endOrphans(ctx: Context): Promise<void> {
  const { prefix } = managedPaths(ctx)
  const pids = (await readdir('/proc').catch(() => [])).map(Number).filter(Number.isInteger)
  await Promise.all(
    pids.map(async (pid) => {
      const title = await commandLineOf(pid)
      if (title?.startsWith('nginx: ') !== true) return
      if ((await workingDirectoryOf(pid)) !== prefix) return
      send(pid, 'SIGTERM')
      if (!(await isGone(pid, STOP_GRACE))) send(pid, 'SIGKILL')
    }),
  )
}

async function isGone(pid: number, seconds: number): Promise<boolean> {
  const end = performance.now() + seconds * 1000
  while (await isAlive(pid)) {
    if (performance.now() > end) return false
    await sleep(5)
  }
  return true
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has gone.
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch {
    return 0
  }
}
