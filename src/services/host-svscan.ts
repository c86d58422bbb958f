/** The svscan of the host, which scans `services/`: run by pypaas where services are managed. */
import { spawn } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { mkdir, open, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { hasErrno, PypaasError } from '../errors.ts'
import { readIfThere, replaceFile } from '../system/files.ts'
import { isRunning, linkOf, processEntry, processTable, sendSignal } from '../system/process-table.ts'
import { withLock } from '../system/lock.ts'
import { listDirectory } from '../system/state.ts'
import { endWorkersIn } from './enlistment.ts'

/** Seconds. It takes some milliseconds. */
const START_TIMEOUT = 10
const LOCK_FILE = 'svscan.lock'
/** Tells the next look where to look first. */
const PID_FILE = 'svscan.pid'

/** Pid of the svscan that scans `services/`, whoever started it. */
export async function hostSvscan(ctx: Context): Promise<number | undefined> {
  let services: string
  try {
    services = realpathSync(ctx.paths.services)
  } catch {
    return undefined
  }
  const isIt = (pid: number): boolean => linkOf(pid, 'cwd') === services
  const known = Number(await readIfThere(ctx.paths.runFile(PID_FILE)))
  if (known > 0 && processEntry(known)?.name === 'svscan' && isIt(known)) return known
  return processTable().find(({ pid, name }) => name === 'svscan' && isIt(pid))?.pid
}

/** Whether live releases would come up after they have died. */
export async function hostSvscanRunning(ctx: Context): Promise<boolean> {
  return (await hostSvscan(ctx)) !== undefined
}

/**
 * Starts the host's svscan if none runs. It is detached: it outlives who started
 * it, and the next one finds it. A lock keeps a second one from being started.
 * @throws PypaasError `failed` with what svscan said
 */
export async function ensureHostSvscan(ctx: Context): Promise<'running' | 'started'> {
  await mkdir(ctx.paths.services, { recursive: true })
  await mkdir(ctx.paths.run, { recursive: true })
  if (await hostSvscanRunning(ctx)) return 'running'
  const options = { what: 'starting svscan', now: ctx.now() }
  return withLock(ctx.paths.runFile('svscan.start.lock'), options, async () => {
    if (await hostSvscanRunning(ctx)) return 'running'
    await start(ctx)
    return 'started'
  })
}

async function start(ctx: Context): Promise<void> {
  // Supervises that a killed svscan has left would keep new ones from starting.
  await endHostServices(ctx)
  await mkdir(ctx.paths.logs, { recursive: true })
  const said = await open(ctx.paths.logFile('svscan.log'), 'a', 0o600)
  let cause: unknown
  let ended = false
  try {
    // flock -o keeps the lock to itself: it is free when svscan has ended, whatever svscan has started.
    const argv = ['-n', '-o', ctx.paths.runFile(LOCK_FILE), 'svscan', ctx.paths.services]
    const child = spawn('flock', argv, {
      cwd: ctx.paths.home,
      detached: true,
      env: { PATH: ctx.baseEnv['PATH'] },
      stdio: ['ignore', said.fd, said.fd],
    })
    child.on('error', (error) => {
      cause = error
      ended = true
    })
    child.on('exit', () => (ended = true))
    child.unref()
  } finally {
    await said.close()
  }
  const deadline = performance.now() + START_TIMEOUT * 1000
  for (;;) {
    const pid = await hostSvscan(ctx)
    if (pid !== undefined) {
      await replaceFile(ctx.paths.runFile(PID_FILE), `${pid}\n`)
      return
    }
    if (ended || performance.now() > deadline) {
      throw new PypaasError('failed', 'svscan cannot be started', {
        cause,
        where: ctx.paths.logFile('svscan.log'),
        hint: hasErrno(cause, 'ENOENT')
          ? 'install util-linux and daemontools: `flock` is not in PATH'
          : `is daemontools installed, and \`${ctx.paths.runFile(LOCK_FILE)}\` free?`,
      })
    }
    await delay(2)
  }
}

/**
 * Ends the host's svscan and its supervises. Releases go on: those that it had
 * started keep their own svscan. What is enlisted stays so, for the next start.
 */
export async function stopHostSvscan(ctx: Context): Promise<void> {
  for (let pid = await hostSvscan(ctx); pid !== undefined; pid = await hostSvscan(ctx)) {
    sendSignal(pid, 'SIGKILL')
    while (isRunning(pid)) await delay(1)
  }
  await endHostServices(ctx)
}

async function endHostServices(ctx: Context): Promise<void> {
  const services = await realpath(ctx.paths.services).catch(() => ctx.paths.services)
  const names = await listDirectory(services)
  if (names.length > 0) await endWorkersIn(new Set(names.map((name) => join(services, name))))
}
