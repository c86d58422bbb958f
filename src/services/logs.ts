/** What multilog has written of a process's output. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { hasErrno } from '../errors.ts'
import type { ReleaseRef } from '../paths.ts'
import { listDirectory } from '../system/state.ts'
import { taiMilliseconds } from './daemontools.ts'

export interface LogLine {
  /** Undefined: the log script writes no time stamps. */
  readonly time: Date | undefined
  readonly text: string
}

/** The last `count` lines of a process's log, oldest first; none if nothing was ever written. */
export async function lastLogLines(
  ctx: Context,
  ref: ReleaseRef,
  runner: string,
  index: number,
  count: number,
): Promise<LogLine[]> {
  if (count === 0) return []
  const directory = join(ctx.paths.service(ref, runner, index), 'log', 'main')
  const found = await listDirectory(directory)
  // Old files are named after the time of their end: the order of the names is that of time.
  const old = found.filter((name) => /^@[0-9a-f]{24}\.[su]$/.test(name)).toReversed()
  let lines: string[] = []
  for (const name of ['current', ...old]) {
    if (lines.length >= count) break
    lines = [...(await linesOf(join(directory, name))), ...lines]
  }
  return lines.slice(-count).map((line) => parseLine(line))
}

/** One line as multilog's `t` writes it: `@`, a TAI64N label in 24 hexadecimal digits, a blank, the text. Pure. */
export function parseLine(line: string): LogLine {
  const [, seconds, nanoseconds, text] = /^@([0-9a-f]{16})([0-9a-f]{8}) (.*)$/s.exec(line) ?? []
  if (seconds === undefined || nanoseconds === undefined || text === undefined) {
    return { time: undefined, text: line }
  }
  const time = taiMilliseconds(BigInt(`0x${seconds}`), Number.parseInt(nanoseconds, 16))
  return { time: new Date(time), text }
}

async function linesOf(path: string): Promise<string[]> {
  try {
    const text = await readFile(path, 'utf8')
    return text === '' ? [] : text.replace(/\n$/, '').split('\n')
  } catch (error) {
    // multilog removes the oldest file whenever it likes.
    if (hasErrno(error, 'ENOENT')) return []
    throw error
  }
}
