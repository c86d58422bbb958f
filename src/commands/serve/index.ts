/** The daemon, in the foreground: `serve`; and its end, with everything that it looks after: `serve --stop`. */
import { once } from 'node:events'
import type { Context } from '../../context.ts'
import { serveLock, startDaemon, stopEverything } from './daemon.ts'
import { openLog } from '../../log.ts'
import { holderOf, lock } from '../../system/lock.ts'
import type { Invocation } from '../command.ts'

/** Seconds that a running daemon has to end. */
const STOP_TIMEOUT = 30

export async function run({ ctx, session, options, out }: Invocation): Promise<number> {
  if (options['stop'] === true) {
    await stopDaemon(ctx)
    await stopEverything(ctx)
    out.line('stopped: the daemon, svscan, nginx and the apps')
    return 0
  }
  const logged: Context = { ...ctx, log: openLog(ctx.paths, { stdout: true }) }
  const daemon = await startDaemon(logged, { self: session.self })
  const { http, https, mode } = ctx.config.main.nginx
  logged.log.info({ home: ctx.paths.home, ssh: daemon.ssh, nginx: { mode, http, https } }, 'ready')
  for (const problem of ctx.config.problems) logged.log.warn({ ...problem }, 'a mistake in the configuration')
  if (!session.signal.aborted) await once(session.signal, 'abort')
  logged.log.info({}, 'ending; svscan, nginx and the apps go on')
  await daemon.close()
  return 0
}

/** Asks a running daemon to end, and waits until it has. */
export async function stopDaemon(ctx: Context): Promise<void> {
  const path = serveLock(ctx)
  const options = { what: 'pypaas serve --stop', now: ctx.now() }
  const free = await lock(path, { ...options, wait: 0 }).catch(() => undefined)
  if (free !== undefined) return free.release()
  const holder = await holderOf(path)
  if (holder !== undefined) process.kill(holder.pid, 'SIGTERM')
  const held = await lock(path, { ...options, wait: STOP_TIMEOUT })
  await held.release()
}
