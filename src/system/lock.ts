/**
 * Locks that die with their holder: the kernel's, on an open file. Only who holds
 * a lock may delete its file; whoever has waited for that one goes on to the next.
 */
import { mkdir, open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { PypaasError } from '../errors.ts'
import { lockDescriptor } from './lock-descriptor.ts'
import { readIfThere } from './files.ts'
import { isAlive, startOf, uptime } from './processes.ts'

/** Milliseconds by which the clocks of a lock file and of the process table may differ. */
const CLOCK_SLACK = 1000

/** Who holds a lock, for those who wait. Written into the lock file. */
export interface Holder {
  readonly pid: number
  /** For example `deploy of web/master by alice`. */
  readonly what: string
  /** ISO 8601, UTC. */
  readonly since: string
}

export interface LockOptions {
  readonly what: string
  readonly now: Date
  /** Seconds to wait for the present holder; 0 does not wait, undefined waits for as long as it takes. */
  readonly wait?: number | undefined
  /** Called once if the lock is taken, before waiting. */
  readonly onWait?: (holder: Holder | undefined) => void
  readonly signal?: AbortSignal | undefined
}

/** A held lock. Released by {@link release}, or by the kernel when the process ends. */
export class Lock {
  readonly path: string
  readonly #file: FileHandle

  constructor(path: string, file: FileHandle) {
    this.path = path
    this.#file = file
  }

  async release(): Promise<void> {
    await this.#file.truncate(0).catch(() => {})
    await this.#file.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }
}

/**
 * Takes the lock at `path`.
 * @throws PypaasError `busy` naming the holder when the wait is over, `cancelled` on the signal
 */
export async function lock(path: string, options: LockOptions): Promise<Lock> {
  await mkdir(dirname(path), { recursive: true })
  for (;;) {
    const held = await lockFile(path, options)
    if (held !== undefined) return held
  }
}

/** Undefined: its holder has deleted the file that was waited for, and there may be another by now. */
async function lockFile(path: string, options: LockOptions): Promise<Lock | undefined> {
  const file = await open(path, 'a+', 0o600)
  try {
    if (!(await lockDescriptor(file.fd, path, 0, options.signal))) {
      const holder = await holderOf(path)
      if (options.wait === 0) throw busy(path, holder)
      options.onWait?.(holder)
      if (!(await lockDescriptor(file.fd, path, options.wait, options.signal)))
        throw busy(path, await holderOf(path))
    }
    if ((await file.stat()).nlink === 0) {
      await file.close()
      return undefined
    }
    const holder: Holder = { pid: process.pid, what: options.what, since: options.now.toISOString() }
    await file.truncate(0)
    await file.write(`${JSON.stringify(holder)}\n`)
    return new Lock(path, file)
  } catch (error) {
    await file.close()
    throw error
  }
}

/** The lock if it is free at this moment, or becomes so within `wait` seconds. */
export async function tryLock(path: string, options: Omit<LockOptions, 'onWait'>): Promise<Lock | undefined> {
  try {
    return await lock(path, { ...options, wait: options.wait ?? 0 })
  } catch (error) {
    if (error instanceof PypaasError && error.code === 'busy') return undefined
    throw error
  }
}

/** Runs `work` while holding the lock. */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const held = await lock(path, options)
  try {
    return await work()
  } finally {
    await held.release()
  }
}

/** Whether somebody holds the lock at this moment. */
export async function isHeld(path: string): Promise<boolean> {
  const held = await tryLock(path, { what: 'a look', now: new Date(0) })
  await held?.release()
  return held === undefined
}

/**
 * Whether the process that the lock file names is still at work: without asking the kernel for the lock, so that
 * it costs nothing. When in doubt no; then {@link isHeld} knows.
 */
export async function isHolderAtWork(path: string): Promise<boolean> {
  const holder = await holderOf(path)
  // One that was killed and has not been waited for is still in the table.
  if (holder === undefined || !(await isAlive(holder.pid))) return false
  const start = await startOf(holder.pid)
  if (start === undefined) return false
  // A process that began after the lock was taken has the number of one that has gone.
  const began = Date.now() - ((await uptime()) - start) * 1000
  return began <= Date.parse(holder.since) + CLOCK_SLACK
}

/** Who holds the lock, as far as the lock file tells. */
export async function holderOf(path: string): Promise<Holder | undefined> {
  const text = await readIfThere(path)
  try {
    return text === undefined || text.trim() === '' ? undefined : (JSON.parse(text) as Holder)
  } catch {
    return undefined
  }
}

function busy(path: string, holder: Holder | undefined): PypaasError {
  const who =
    holder === undefined ? 'another process' : `${holder.what} (process ${holder.pid}, since ${holder.since})`
  return new PypaasError('busy', `locked by ${who}`, {
    where: path,
    hint: 'try again when it has ended',
  })
}
