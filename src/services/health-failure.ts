/** Why a process is not healthy, in words, with the last lines of its log. */
import { constants } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import type { Release, ReleaseProcess } from '../release.ts'
import { lastLogLines } from './logs.ts'
import { whoListens } from './who-listens.ts'

/** How many lines of the log an error carries. */
const LINES = 20

/** The process has ended. @param waitStatus as wait(2) gives it, if it could still be seen */
export async function endedEarly(
  ctx: Context,
  release: Release,
  process: ReleaseProcess,
  waitStatus: number | undefined,
): Promise<PypaasError> {
  const output = await settledLog(ctx, release, process)
  return new PypaasError('failed', `${nameOf(process)} ${howItEnded(waitStatus)} before it was healthy`, {
    hint:
      output.length === 0
        ? `it printed nothing; its command is \`${process.runner.cmd}\``
        : `the lines above are the last of its log; its command is \`${process.runner.cmd}\``,
    output,
  })
}

/** Its time is over. @param answer what came instead of a good answer to the health request */
export async function neverHealthy(
  ctx: Context,
  release: Release,
  process: ReleaseProcess,
  pid: number | undefined,
  answer: string | undefined,
): Promise<PypaasError> {
  const { health, cmd } = process.runner
  const within = `within ${health.timeout} seconds`
  const output = await settledLog(ctx, release, process)
  if (pid === undefined) {
    return new PypaasError('failed', `${nameOf(process)} was not started ${within}`, { output })
  }
  if (answer !== undefined && health.path === undefined) {
    return new PypaasError('failed', `${nameOf(process)} listened, but took no connection ${within}`, {
      hint: 'has it loaded the app? If it needs longer, raise `health.timeout`',
      output,
    })
  }
  if (answer !== undefined) {
    return new PypaasError(
      'failed',
      `${nameOf(process)} answered ${health.path} with ${answer}, not with a status of ` +
        `${health.status.min}-${health.status.max}, ${within}`,
      { hint: 'correct the app, or `health.path` and `health.status` of the runner', output },
    )
  }
  return new PypaasError('failed', `${nameOf(process)} did not listen ${within}`, {
    hint: listeningHint(pid, process.port ?? 0, cmd),
    output,
  })
}

function listeningHint(pid: number, port: number, cmd: string): string {
  const { itself, anybody, elsewhere } = whoListens(pid, port)
  const other = elsewhere[0]
  if (other !== undefined) {
    const at = other.address.includes(':') ? `[${other.address}]` : other.address
    return other.port === port
      ? `it listens on ${at}:${port}, where a connection to 127.0.0.1 does not reach it`
      : `it listens on ${at}:${other.port}; the app must listen on the port in the variable PORT, here ${port}`
  }
  if (anybody && !itself)
    return `another program listens on port ${port}; does \`${cmd}\` go into the background?`
  return 'does the app listen on the port in the variable PORT? If it needs longer, raise `health.timeout`'
}

function nameOf({ runner, index, port }: ReleaseProcess): string {
  return `the process ${runner.name}-${index}${port === undefined ? '' : ` (port ${port})`}`
}

/** A wait status as wait(2) gives it, in words. Pure. */
export function howItEnded(waitStatus: number | undefined): string {
  if (waitStatus === undefined) return 'ended'
  const number = waitStatus & 0x7f
  if (number === 0) return `ended with status ${waitStatus >> 8}`
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0]
  return `was ended by ${name ?? `signal ${number}`}`
}

/** What a process has printed is with multilog a moment later: waits until nothing more comes. */
async function settledLog(ctx: Context, release: Release, process: ReleaseProcess): Promise<string[]> {
  const read = async (): Promise<string[]> =>
    (await lastLogLines(ctx, release, process.runner.name, process.index, LINES)).map(({ text }) => text)
  let lines = await read()
  for (let round = 0; round < 10; round++) {
    await delay(10)
    const again = await read()
    const same = again.length === lines.length && again.at(-1) === lines.at(-1)
    lines = again
    if (same && round > 0 && lines.length > 0) break
  }
  return lines
}
