/**
 * The kernel's lock on an open file (fcntl(2), "open file description locks"; on macOS flock(2)), through a native
 * library: a program run for it, flock(1), takes some milliseconds, and more the larger the process that starts it.
 * Where the library has no binary (musl, 32 bits), it is flock(1) all the same. The two do not see each other's locks,
 * but on one host it is the one or the other.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf, PypaasError } from '../errors.ts'
import { flock } from './flock.ts'

/** Milliseconds between two looks at a lock that somebody else holds: growing ones. */
const LOOK = { shortest: 1, longest: 20 }

type TryLock = (fd: number) => boolean

let library: Promise<TryLock | undefined> | undefined

function loadLibrary(): Promise<TryLock | undefined> {
  return import('fs-native-extensions').then(
    ({ tryLock }) => tryLock,
    () => undefined,
  )
}

/**
 * Locks an open file that can be written to. The lock goes when the file is closed, or its process ends.
 * @param path for messages
 * @param wait seconds; 0 does not wait, undefined waits for as long as it takes
 * @returns false if it is not to be had (in time)
 * @throws PypaasError `cancelled` on the signal, `failed` where the file system has no locks
 */
export async function lockDescriptor(
  fd: number,
  path: string,
  wait: number | undefined,
  signal?: AbortSignal,
): Promise<boolean> {
  const tryLock = await (library ??= loadLibrary())
  if (tryLock === undefined) {
    const limits = wait === undefined ? [] : wait === 0 ? ['-n'] : ['-w', String(wait)]
    return flock(fd, limits, signal)
  }
  const deadline = performance.now() + (wait ?? Number.POSITIVE_INFINITY) * 1000
  for (let pause = LOOK.shortest; ; pause = Math.min(pause * 1.5, LOOK.longest)) {
    if (signal?.aborted === true) throw new PypaasError('cancelled', 'cancelled while waiting for a lock')
    if (isTaken(tryLock, fd, path)) return true
    if (performance.now() >= deadline) return false
    await delay(pause, undefined, { signal }).catch(() => {})
  }
}

function isTaken(tryLock: TryLock, fd: number, path: string): boolean {
  try {
    return tryLock(fd)
  } catch (cause) {
    throw new PypaasError('failed', `a file cannot be locked: ${messageOf(cause)}`, {
      cause,
      where: path,
      hint: 'the home of pypaas must be on a file system with locks (NFS: with a lock server)',
    })
  }
}
