/**
 * daemontools 0.76 without its command line: what svstat(8), svok(8) and svc(8)
 * do is reading one file and writing one byte to another.
 */
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { hasErrno } from '../errors.ts'

/** The commands of svc(8): up, down, once, pause, continue, HUP, ALRM, INT, TERM, KILL, exit. */
export type Command = 'u' | 'd' | 'o' | 'p' | 'c' | 'h' | 'a' | 'i' | 't' | 'k' | 'x'

export interface ServiceState {
  /** A supervise runs in the directory. Without one, the rest is what the last one left behind. */
  readonly supervised: boolean
  /** Undefined: down. */
  readonly pid: number | undefined
  /** Since when it is up or down. Undefined: never supervised. */
  readonly since: Date | undefined
  readonly paused: boolean
  /** `once`: supervise neither restarts nor ends it. */
  readonly want: 'up' | 'down' | 'once'
}

const NEVER: ServiceState = {
  supervised: false,
  pid: undefined,
  since: undefined,
  paused: false,
  want: 'once',
}

/** State of the service in `directory`. */
export function serviceState(directory: string): ServiceState {
  let status: Buffer
  try {
    status = readFileSync(join(directory, 'supervise', 'status'))
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return NEVER
    throw error
  }
  return { ...parseStatus(status), supervised: isSupervised(directory) }
}

/**
 * The 18 bytes of `supervise/status`, as svstat reads them: a TAI64N time, the
 * pid with its lowest byte first, a byte for paused, and what svc asked for. Pure.
 */
export function parseStatus(status: Buffer): Omit<ServiceState, 'supervised'> {
  if (status.length < 18) return NEVER
  const pid = status.readUInt32LE(12)
  const want = String.fromCharCode(status[17] ?? 0)
  return {
    pid: pid === 0 ? undefined : pid,
    since: new Date(taiMilliseconds(status.readBigUInt64BE(0), status.readUInt32BE(8))),
    paused: status[16] !== 0,
    want: want === 'u' ? 'up' : want === 'd' ? 'down' : 'once',
  }
}

/**
 * A TAI64N label in milliseconds since 1970. daemontools counts 10 seconds between
 * TAI and the system's clock and knows of no leap seconds (tai_now.c).
 */
export function taiMilliseconds(label: bigint, nanoseconds: number): number {
  return Number(label - 0x4000_0000_0000_000an) * 1000 + Math.floor(nanoseconds / 1_000_000)
}

/** Whether a supervise runs in the directory: it keeps the FIFO `ok` open for reading (svok(8)). */
export function isSupervised(directory: string): boolean {
  const fifo = openForWriting(join(directory, 'supervise', 'ok'))
  if (fifo === undefined) return false
  closeSync(fifo)
  return true
}

/** Tells the supervise of `directory` what to do, in this order. False: none runs there. */
export function control(directory: string, ...commands: readonly Command[]): boolean {
  const fifo = openForWriting(join(directory, 'supervise', 'control'))
  if (fifo === undefined) return false
  try {
    writeSync(fifo, commands.join(''))
    return true
  } catch (error) {
    if (hasErrno(error, 'EPIPE', 'EAGAIN')) return false
    throw error
  } finally {
    closeSync(fifo)
  }
}

/** Undefined: nobody reads it (ENXIO), or it is not there. */
function openForWriting(fifo: string): number | undefined {
  try {
    return openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (hasErrno(error, 'ENXIO', 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}
