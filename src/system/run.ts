/**
 * Runs programs. argv goes in as an array, never through a shell; `sh -c` is
 * for what the operator wrote (hooks, `cmd`) and is asked for by name.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'
import { PypaasError } from '../errors.ts'
import { lastLines, type Output } from './output.ts'
import { processTable } from './process-table.ts'

export interface RunOptions {
  readonly cwd?: string
  /** The whole environment of the program; nothing of ours is added. */
  readonly env: Readonly<Record<string, string>>
  /** Ends the program and all of its process group. */
  readonly signal?: AbortSignal | undefined
  /** Seconds. */
  readonly timeout?: number | undefined
  /** At a lower priority for the processor and the disk, so that what serves requests goes first. */
  readonly background?: boolean
}

export interface CaptureOptions extends RunOptions {
  /** A file for its standard input; default: none. */
  readonly input?: string
}

/**
 * Programs that become the one that they are given, so that they cost no process, and whose order is in force
 * before it has started others. nice(1): a tenth of the processor time of what serves, if both want it. ionice(1),
 * of util-linux: the disk's time that nobody else wants; a system that knows no such class runs it all the same.
 */
const BACKGROUND = [
  ['/usr/bin/nice', '-n', '10'],
  ['/usr/bin/ionice', '-t', '-c', '3'],
]
/** Seconds between TERM and KILL for a program that is cancelled. */
const GRACE = 5
/** Seconds that the outputs are still read after the program has ended, if something else holds them open. */
const LINGER = 1
/** How many of a failing program's last lines its error carries. */
const TAIL = 20

/**
 * Runs a program and passes each line of both of its outputs on as it comes.
 * It leads a process group of its own, which ends as a whole on the signal or the timeout.
 * @throws PypaasError `failed` with the last lines, or `cancelled`
 */
export async function stream(argv: readonly string[], output: Output, options: RunOptions): Promise<void> {
  const [program = '', ...args] = argv
  const [started = '', ...given] = options.background === true ? inBackground(argv, options.env) : argv
  const tail = lastLines(TAIL)
  const child = execa(started, given, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env,
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    buffer: false,
    reject: false,
    detached: true,
    cleanup: false,
  })
  const stop = groupStopper(child.pid)
  let ended: 'cancelled' | 'timeout' | undefined
  const cancel = (): void => {
    ended ??= 'cancelled'
    stop()
  }
  if (options.signal?.aborted) cancel()
  options.signal?.addEventListener('abort', cancel, { once: true })
  const timer =
    options.timeout === undefined
      ? undefined
      : setTimeout(() => {
          ended ??= 'timeout'
          stop()
        }, options.timeout * 1000)
  try {
    const done = Promise.resolve(child)
    // What the program has left in the background may hold its outputs open for good.
    child.once('exit', () => {
      setTimeout(() => child.all.destroy(), LINGER * 1000).unref()
    })
    for await (const line of child.iterable({ from: 'all' })) {
      tail.line(line)
      output.line(line)
    }
    const result = await done
    const shown = program === 'sh' && args[0] === '-c' ? args.slice(1).join(' ') : argv.join(' ')
    if (ended !== undefined) await groupGone(child.pid)
    if (ended === 'cancelled') throw new PypaasError('cancelled', `cancelled: ${shown}`)
    if (ended === 'timeout') {
      throw new PypaasError('failed', `\`${shown}\` did not end within ${options.timeout} seconds`, {
        output: tail.lines,
      })
    }
    if (result.failed) throw failure(shown, result, tail.lines)
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', cancel)
  }
}

/**
 * Runs a program and returns its standard output.
 * @throws PypaasError `failed` with the last lines of its standard error
 */
export async function capture(argv: readonly string[], options: CaptureOptions): Promise<string> {
  const [program = '', ...args] = argv
  const result = await execa(program, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env,
    extendEnv: false,
    ...(options.input === undefined ? { stdin: 'ignore' } : { inputFile: options.input }),
    reject: false,
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout * 1000 }),
  })
  if (result.failed) throw failure(argv.join(' '), result, result.stderr.split('\n').slice(-TAIL))
  return result.stdout
}

interface Failed {
  readonly exitCode?: number | undefined
  readonly signal?: string | undefined
  readonly isCanceled: boolean
  readonly code?: string | undefined
  readonly cause?: unknown
}

function failure(shown: string, result: Failed, output: readonly string[]): PypaasError {
  if (result.isCanceled) return new PypaasError('cancelled', `cancelled: ${shown}`)
  if (result.code === 'ENOENT') {
    return new PypaasError('failed', `cannot run \`${shown}\`: the program or its directory is not there`)
  }
  const how =
    result.exitCode !== undefined
      ? `ended with status ${result.exitCode}`
      : result.signal !== undefined
        ? `was ended by ${result.signal}`
        : `could not be run (${result.code ?? 'unknown error'})`
  const full = output.some((line) => NO_SPACE.test(line))
  const hint = full ? DISK_FULL : ranOutOfMemory(result, output) ? OUT_OF_MEMORY : undefined
  return new PypaasError('failed', `\`${shown}\` ${how}`, {
    cause: result.cause,
    output,
    ...(hint === undefined ? {} : { hint }),
  })
}

const OUT_OF_MEMORY =
  'it looks as if the host is out of memory (`dmesg` tells): end something, add memory or swap, or lower `builds: {parallel: …}`'
/** What the C library, V8 and Python say. */
const NO_MEMORY = /cannot allocate memory|heap out of memory|\bENOMEM\b|\bMemoryError\b/i

const DISK_FULL =
  'the disk is full: make room (`pypaas disk` shows what takes how much, `df -h` and `df -i` what is left)'
/** What the C library says of the last block, file or byte of a quota (ENOSPC, EDQUOT of errno(3)). */
const NO_SPACE = /no space left on device|disk quota exceeded|\bENOSPC\b/i

/** KILL, which we send only on the way to another failure, is how the kernel makes room; a shell makes 137 of it. */
function ranOutOfMemory({ exitCode, signal }: Failed, output: readonly string[]): boolean {
  return signal === 'SIGKILL' || exitCode === 128 + 9 || output.some((line) => NO_MEMORY.test(line))
}

/** The program by way of others, where those are there. They could not tell that it is missing. */
function inBackground(argv: readonly string[], env: RunOptions['env']): readonly string[] {
  const [program = ''] = argv
  const directories = program.includes('/') ? [''] : (env['PATH'] ?? '').split(':')
  const there = directories.some((directory) => existsSync(join(directory, program)))
  return there ? [...BACKGROUND.filter(([by = '']) => existsSync(by)).flat(), ...argv] : argv
}

/** Its outputs end a moment before a process does; KILL has come by the end of the grace. */
async function groupGone(leader: number | undefined): Promise<void> {
  const deadline = performance.now() + (GRACE + 1) * 1000
  while (processTable().some(({ group }) => group === leader) && performance.now() < deadline) await delay(5)
}

/** TERM to the group, then KILL. */
function groupStopper(pid: number | undefined): () => void {
  const signal = (name: NodeJS.Signals): void => {
    if (pid === undefined) return
    try {
      process.kill(-pid, name)
    } catch {
      // The group has gone.
    }
  }
  return () => {
    signal('SIGTERM')
    setTimeout(() => signal('SIGKILL'), GRACE * 1000).unref()
  }
}
