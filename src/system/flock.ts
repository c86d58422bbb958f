/**
 * flock(2) by the program of util-linux (flock(1)): the lock belongs to the open file, so that the program, run once
 * with our descriptor inherited, leaves it with this process for as long as it keeps the file open.
 */
import { spawn } from 'node:child_process'
import { PypaasError } from '../errors.ts'

/**
 * Locks an open file.
 * @param limits options of flock(1): `-n` does not wait, `-w SECONDS` waits for so long
 * @returns false if it is not to be had (in time)
 */
export function flock(fd: number, limits: readonly string[], signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['-x', ...limits, '3'], {
      stdio: ['ignore', 'ignore', 'ignore', fd],
      env: { PATH: '/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin' },
    })
    const cancel = (): void => {
      child.kill()
    }
    if (signal?.aborted) cancel()
    signal?.addEventListener('abort', cancel, { once: true })
    child.on('error', (cause) => {
      signal?.removeEventListener('abort', cancel)
      reject(
        new PypaasError('failed', 'cannot run `flock`', { cause, hint: 'install util-linux (brew: flock)' }),
      )
    })
    child.on('close', (status) => {
      signal?.removeEventListener('abort', cancel)
      if (status === 0) resolve(true)
      else if (status === 1) resolve(false)
      else if (signal?.aborted) reject(new PypaasError('cancelled', 'cancelled while waiting for a lock'))
      else reject(new PypaasError('failed', `flock ended with status ${status}`))
    })
  })
}
