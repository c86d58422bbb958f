/** Programs of others that make load: run for a time, their own counts of what broke read from what they print. */
import { execa } from 'execa'
import type { Ends } from './subject.ts'

export interface Counted {
  readonly sent: number
  readonly broken: number
  /** What broke, in the program's words. */
  readonly how: string
}

/** A program that ends by itself. */
export interface Loader {
  readonly program: string
  /** Debian's package. */
  readonly debian: string
  readonly args: readonly string[]
  /** Undefined: it says nothing of the kind. */
  readonly read: (said: string) => Counted | undefined
}

/** HTTP/1.1 over kept connections, as fast as it goes. */
export function wrk(url: string, host: string, seconds: number): Loader {
  const args = ['-t2', '-c50', `-d${seconds}s`, '--timeout', '20s', '-H', `Host: ${host}`, url]
  return { program: 'wrk', debian: 'wrk', args, read: readWrk }
}

const CONNECTIONS = 20
const STREAMS = 10

/** HTTP/2: connections with several requests on their way at any time. */
export function h2load(url: string, address: string, seconds: number): Loader {
  const args = [`-c${CONNECTIONS}`, `-m${STREAMS}`, '-D', String(seconds), `--connect-to=${address}`, url]
  return { program: 'h2load', debian: 'nghttp2-client', args, read: readH2load }
}

/** Of wrk's "Socket errors" and "Non-2xx or 3xx responses", which it prints only where there are any. Pure. */
export function readWrk(said: string): Counted | undefined {
  const sent = /(\d+) requests in/.exec(said)?.[1]
  if (sent === undefined) return undefined
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(said)?.slice(1)
  const others = Number(/Non-2xx or 3xx responses: (\d+)/.exec(said)?.[1] ?? 0)
  const broken = (errors ?? []).reduce((sum, count) => sum + Number(count), others)
  return { sent: Number(sent), broken, how: lineWith(said, 'Socket errors') || lineWith(said, 'Non-2xx') }
}

/**
 * Of h2load's lines "requests:" and "status codes:". It does not open a connection again that the server has ended,
 * and does not say so: what was on its way at the end tells how many were left. Pure.
 */
export function readH2load(said: string): Counted | undefined {
  const counts = /(\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed/.exec(said)?.slice(1)
  if (counts === undefined) return undefined
  const [, started = 0, done = 0, succeeded = 0, failed = 0] = counts.map(Number)
  const others = succeeded - Number(/status codes: (\d+) 2xx/.exec(said)?.[1] ?? succeeded)
  const ended = Math.max(0, CONNECTIONS - Math.ceil((started - done) / STREAMS))
  const broken = failed + others + ended
  const how = `${ended} of ${CONNECTIONS} connections ended; ${lineWith(said, 'requests:')}`
  return { sent: started, broken, how: broken === 0 ? '' : how }
}

/** Starts it. Undefined: it is not installed. */
export async function runLoader(loader: Loader, ends: Ends): Promise<Counted | undefined> {
  const child = execa(loader.program, loader.args, { stdin: 'ignore', all: true, reject: false })
  const end = ends.add(async () => {
    child.kill()
    await child
  })
  const { all, exitCode, code } = await child
  await end()
  if (code === 'ENOENT') return undefined
  const counted = loader.read(all)
  if (counted === undefined || counted.sent === 0)
    throw new Error(`${loader.program} ended with status ${exitCode}: ${all}`)
  return counted
}

function lineWith(said: string, words: string): string {
  return (
    said
      .split('\n')
      .find((line) => line.includes(words))
      ?.trim() ?? ''
  )
}
