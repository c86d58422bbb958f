/**
 * Serves git's own ends of a push and a fetch. The objects flow between git and
 * the client; what pypaas hears of is each ref that a push wants to move, which
 * the hooks tell and ask on descriptor 3 (templates/*-hook.mustache).
 */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { streamOutput, type Output } from '../system/output.ts'

/** The client's end: our own standard streams, handed on untouched, or those of an SSH channel. */
export type GitStreams =
  'inherit' | { readonly stdin: Readable; readonly stdout: Writable; readonly stderr: Writable }

export interface ServeOptions {
  readonly streams: GitStreams
  /** `GIT_PROTOCOL` as the client sent it. */
  readonly protocol?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** A ref that a push wants to move. Object ids in full; all zeros for "none". */
export interface RefUpdate {
  readonly ref: string
  readonly from: string
  readonly to: string
}

export interface AskedFor {
  readonly update: RefUpdate
  /** Options of the push (`git push -o`). */
  readonly options: readonly string[]
  /** Lines for the client. */
  readonly output: Output
  /** Pid of the git that moves the ref if it may. */
  readonly git: number
  /** The client has gone. */
  readonly gone: AbortSignal
}

/** Takes or refuses one ref with an exit status. */
export type Accept = (push: AskedFor) => Promise<number>

/**
 * Serves a push to the bare repository at `path`.
 * @param maxPush bytes that the client may send at most
 * @param accept is asked for every ref, one after the other; its lines reach the client; it returns an exit status, 0 to accept
 * @returns git's exit status, and whether the client sent more than `maxPush`
 */
export async function receivePack(
  ctx: Context,
  path: string,
  maxPush: number,
  options: ServeOptions,
  accept: Accept,
): Promise<{ readonly status: number; readonly tooLarge: boolean }> {
  const settings = [
    ['transfer.fsckObjects', 'true'],
    ['receive.maxInputSize', String(maxPush)],
    // A ref stands for a deploy of its own, so that refs cannot succeed or fail together.
    ['receive.advertiseAtomic', 'false'],
    ['receive.advertisePushOptions', 'true'],
    // What a forced push leaves behind can be gone back to for as long as the reflog keeps it.
    ['core.logAllRefUpdates', 'true'],
    ['receive.autogc', 'false'],
    // Our hooks, wherever a global configuration points.
    ['core.hooksPath', 'hooks'],
    // The checked-out branch of a bare repository is just what a clone begins with; a deletion is ours to refuse.
    ['receive.denyDeleteCurrent', 'ignore'],
  ].flatMap(([key, value]) => ['-c', `${key}=${value}`])
  // What git refuses a pack for it tells the client in its own words. We hear of it in its trace.
  const env = { PYPAAS_PUSH: '3', GIT_TRACE2_EVENT: '4', GIT_TRACE2_EVENT_BRIEF: '1' }
  const child = start(ctx, [...settings, 'receive-pack', path], options, env, ['pipe', 'pipe'])
  const channel = child.stdio[3] as Duplex
  const tooLarge = watchForSize(child.stdio[4] as Duplex)
  const gone = new AbortController()
  const leave = (): void => gone.abort(new PypaasError('cancelled', 'the client has gone'))
  // git notices a client that has gone, by what it sends to keep the connection alive, and ends before its hook has.
  child.once('exit', leave)
  const answering = answer(channel, child.pid ?? 0, gone.signal, leave, accept)
  const status = await ended(child, options)
  channel.destroy()
  await answering
  return { status, tooLarge: tooLarge() }
}

/** Reads the events of git and of the programs that it runs (git's technical documentation, api-trace2). */
function watchForSize(trace: Duplex): () => boolean {
  let seen = false
  // An event is a line of some hundred bytes; what it says may come in two parts.
  let rest = ''
  trace.on('error', () => {})
  trace.setEncoding('utf8').on('data', (text: string) => {
    rest += text
    seen ||= rest.includes('pack exceeds maximum allowed size')
    rest = rest.slice(-100)
  })
  return () => {
    trace.destroy()
    return seen
  }
}

/** Serves a fetch or clone of the bare repository at `path`. Returns git's exit status. */
export async function uploadPack(ctx: Context, path: string, options: ServeOptions): Promise<number> {
  return ended(start(ctx, ['upload-pack', '--strict', path], options, {}, []), options)
}

/** How the pre-receive hook begins a line; a ref begins with `refs/`. */
const OPTION = 'option '

/** Answers the hooks until git has ended. git and the hook hold the other end: if it closes, they have gone. */
async function answer(
  channel: Duplex,
  git: number,
  gone: AbortSignal,
  leave: () => void,
  accept: Accept,
): Promise<void> {
  const output = streamOutput(channel)
  channel.on('error', () => {})
  channel.once('close', leave)
  channel.once('end', leave)
  const lines = createInterface({ input: channel, crlfDelay: Number.POSITIVE_INFINITY })
  const shown: Output = {
    line(text) {
      for (const part of text.split('\n')) output.line(`|${part}`)
    },
  }
  try {
    const options: string[] = []
    for await (const line of lines) {
      if (line.startsWith(OPTION)) {
        options.push(line.slice(OPTION.length))
        continue
      }
      const [ref = '', from = '', to = ''] = line.split(' ')
      const update = { ref, from, to }
      output.line(`=${await accept({ update, options, output: shown, git, gone })}`)
    }
  } finally {
    // The hook must not wait for an answer that does not come.
    channel.destroy()
  }
}

function start(
  ctx: Context,
  args: string[],
  { streams, protocol }: ServeOptions,
  env: Record<string, string>,
  further: readonly 'pipe'[],
): ChildProcess {
  const own: StdioOptions =
    streams === 'inherit' ? ['inherit', 'inherit', 'inherit'] : ['pipe', 'pipe', 'pipe']
  const child = spawn('git', args, {
    stdio: [...own, ...further],
    env: { ...ctx.baseEnv, ...env, ...(protocol === undefined ? {} : { GIT_PROTOCOL: protocol }) },
  })
  if (streams !== 'inherit') {
    streams.stdin.on('error', () => {})
    child.stdin?.on('error', () => {})
    streams.stdin.pipe(child.stdin as Writable)
    child.stdout?.pipe(streams.stdout, { end: false })
    child.stderr?.pipe(streams.stderr, { end: false })
  }
  return child
}

function ended(child: ChildProcess, { signal }: ServeOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const hangUp = (): void => {
      child.kill('SIGTERM')
    }
    signal?.addEventListener('abort', hangUp, { once: true })
    child.on('error', (cause) => {
      reject(new PypaasError('failed', 'cannot run `git`', { cause, hint: 'install git' }))
    })
    child.on('close', (status) => {
      signal?.removeEventListener('abort', hangUp)
      resolve(status ?? 1)
    })
  })
}
