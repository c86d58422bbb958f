/** The operator's log: JSON lines in `logs/pypaas.log` and, for the daemon, on the standard output too. */
import { mkdirSync, renameSync, statSync } from 'node:fs'
import type { Log } from './context.ts'
import type { Paths } from './paths.ts'

/** Bytes from which a log file is put aside as `pypaas.log.1` when it is opened. */
const ROTATE_AT = 10 * 1024 * 1024

/**
 * Opens the log. pino is loaded by the first line: most commands write none.
 * Nothing that is logged may hold a secret; lines are written before the process ends.
 */
export function openLog(paths: Paths, options: { readonly stdout?: boolean } = {}): Log {
  let opened: Promise<Log> | undefined
  const write = (level: keyof Log) => (fields: object, message: string) => {
    opened ??= openPino(paths, options.stdout === true)
    // A log that cannot be written (a full disk) must not fail what it tells of.
    void opened.then((log) => log[level](fields, message)).catch(() => {})
  }
  return { info: write('info'), warn: write('warn'), error: write('error') }
}

async function openPino(paths: Paths, stdout: boolean): Promise<Log> {
  const { default: pino } = await import('pino')
  mkdirSync(paths.logs, { recursive: true, mode: 0o750 })
  const file = paths.logFile('pypaas.log')
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) >= ROTATE_AT) renameSync(file, `${file}.1`)
  const streams = [
    { stream: pino.destination({ dest: file, sync: true, mode: 0o640 }) },
    ...(stdout ? [{ stream: pino.destination({ dest: 1, sync: true }) }] : []),
  ]
  const logger = pino(
    {
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.multistream(streams),
  )
  return {
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  }
}
