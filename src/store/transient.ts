/** Failures that pass by themselves, and how long to wait for that. */
import { setTimeout as delay } from 'node:timers/promises'
import { hasErrno, PypaasError } from '../errors.ts'

/** Codes of connections that broke or could not be made (connect(2), getaddrinfo(3), undici and Node's streams). */
const BROKEN = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EAI_AGAIN',
  'ERR_STREAM_PREMATURE_CLOSE',
]
const STATUS = [408, 429, 500, 502, 503, 504]
/** How often in a row, and the pauses in milliseconds: about half a minute in all. */
const ATTEMPTS = 8
const FIRST_PAUSE = 200
const LONGEST_PAUSE = 8000

/** Whether the same may succeed a moment later. Decided by what caused it, where that is told. */
export function isTransient(error: unknown): boolean {
  if (error instanceof PypaasError) return error.cause !== undefined && isTransient(error.cause)
  if (!(error instanceof Error)) return false
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } }
  return (
    hasErrno(error, ...BROKEN) ||
    error.name === 'TimeoutError' ||
    // Node's word for a response that ended before its length.
    error.message === 'aborted' ||
    STATUS.includes($metadata?.httpStatusCode ?? 0)
  )
}

/** Tries until it succeeds, or fails otherwise, or too often without getting further. */
export async function persistently<T>(
  work: (progressed: () => void) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  let failures = 0
  for (;;) {
    try {
      return await work(() => {
        failures = 0
      })
    } catch (error) {
      if (signal?.aborted) throw new PypaasError('cancelled', 'cancelled', { cause: error })
      failures++
      if (!isTransient(error) || failures >= ATTEMPTS) throw error
      await pause(Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE), signal)
    }
  }
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(milliseconds, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    throw new PypaasError('cancelled', 'cancelled', { cause: error })
  }
}
