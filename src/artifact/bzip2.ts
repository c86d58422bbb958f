/** bzip2(1) as a stage of a stream: Node has no bzip2 of its own. */
import { spawn } from 'node:child_process'
import { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import { hasErrno, PypaasError } from '../errors.ts'

/** Compresses, or with `-d` decompresses, what is written to it. Fails if the program does. */
export function bzip2(...options: readonly ('-d' | '-9')[]): Duplex {
  const child = spawn('bzip2', ['-c', ...options], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)))
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(notStarted(error)))
    child.once('close', (status) => {
      if (status === 0) resolve()
      else {
        const damaged = options.includes('-d')
          ? { hint: 'the archive is damaged or was cut off: fetch it once more' }
          : {}
        reject(new PypaasError('failed', 'bzip2 failed', { output: said.trim().split('\n'), ...damaged }))
      }
    })
  })
  ended.catch(() => {})
  // A program that has failed no longer reads; why it failed is what counts, not that.
  child.stdin.on('error', () => {})
  const stage = Duplex.from({
    readable: (async function* read() {
      for await (const chunk of child.stdout) yield chunk as Buffer
      await ended
    })(),
    writable: child.stdin,
  })
  void finished(stage)
    .catch(() => {})
    .finally(() => child.kill())
  return stage
}

function notStarted(error: Error): PypaasError {
  const missing = hasErrno(error, 'ENOENT')
  return new PypaasError('failed', missing ? 'bzip2 is not installed' : 'bzip2 cannot be started', {
    cause: error,
    ...(missing ? { hint: 'run `apt-get install bzip2` on this host, or use tar.gz' } : {}),
  })
}
