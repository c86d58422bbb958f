/** Custom commands: what the operator lets people run in the live checkout. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import type { Context } from './context.ts'
import { environmentOf, type Target } from './environment.ts'
import { PypaasError } from './errors.ts'

/** Where a command's bytes come from and go to: a terminal, or an SSH channel. */
export interface Streams {
  /** Undefined: the command reads nothing. */
  readonly stdin?: Readable | undefined
  readonly stdout: Writable
  readonly stderr: Writable
  /** Ends the command and all of its process group. */
  readonly signal?: AbortSignal | undefined
}

/** Seconds between TERM and KILL for a command that is cancelled. */
const GRACE = 5

/**
 * Runs configured commands one after the other, each by `sh -c` in the checkout; the first failure stops.
 * @returns the status of the command that ran last; 128 and the signal's number if a signal ended it, as in sh(1)
 * @throws PypaasError `cancelled`
 */
export async function runCustomCommands(
  ctx: Context,
  commands: readonly string[],
  target: Target,
  streams: Streams,
): Promise<number> {
  const env = environmentOf(ctx.baseEnv, target)
  for (const command of commands) {
    const status = await runShell(command, target.path, env, streams)
    if (streams.signal?.aborted) throw new PypaasError('cancelled', `cancelled: ${command}`)
    if (status !== 0) return status
  }
  return 0
}

function runShell(
  command: string,
  cwd: string,
  env: Record<string, string>,
  streams: Streams,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command], { cwd, env, detached: true })
    let grace: NodeJS.Timeout | undefined
    const stop = (): void => {
      signalGroup(child.pid, 'SIGTERM')
      for (const output of [child.stdout, child.stderr]) {
        // Nobody takes it any more; unread, or closed, it would keep the command from ending in order.
        output.unpipe()
        output.resume()
      }
      grace = setTimeout(() => {
        signalGroup(child.pid, 'SIGKILL')
        child.stdout.destroy()
        child.stderr.destroy()
      }, GRACE * 1000)
    }
    if (streams.signal?.aborted) stop()
    streams.signal?.addEventListener('abort', stop, { once: true })
    // A command that does not read its input has not failed by that.
    child.stdin.on('error', () => {})
    if (streams.stdin === undefined) child.stdin.end()
    else streams.stdin.pipe(child.stdin)
    child.stdout.pipe(streams.stdout, { end: false })
    child.stderr.pipe(streams.stderr, { end: false })
    const finish = (): void => {
      streams.stdin?.unpipe(child.stdin)
      streams.signal?.removeEventListener('abort', stop)
      if (!signalGroup(child.pid, 0)) clearTimeout(grace)
    }
    child.on('error', (cause) => {
      finish()
      reject(new PypaasError('failed', `cannot run \`${command}\`: ${cause.message}`, { where: cwd, cause }))
    })
    child.on('close', (status, signal) => {
      finish()
      resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })
}

/** False: the group has gone. Signal 0 only looks. */
function signalGroup(pid: number | undefined, signal: NodeJS.Signals | 0): boolean {
  if (pid === undefined) return false
  try {
    return process.kill(-pid, signal)
  } catch {
    return false
  }
}
