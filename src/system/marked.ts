/** Programs that carry a mark in their environment, so that what was left of them is found, whoever started it. */
import { setTimeout as delay } from 'node:timers/promises'
import { BUILD_MARK } from '../environment.ts'
import { processTable, sendSignal, startedWith, type ProcessEntry } from './process-table.ts'

/** Milliseconds between TERM and KILL. */
const GRACE = 3000

/**
 * Ends all processes that were started with this mark, also those in sessions of their own.
 * @param since looks only at what began after this: seconds since the start of the host. It is much cheaper.
 * @returns the names of the programs
 */
export async function endMarked(mark: string, since = 0): Promise<string[]> {
  const entry = `${BUILD_MARK}=${mark}`
  const find = (): ProcessEntry[] =>
    processTable().filter(
      ({ pid, start }) => start >= since && pid !== process.pid && startedWith(pid, entry),
    )
  let left = find()
  const names = [...new Set(left.map(({ name }) => name))]
  const deadline = performance.now() + GRACE
  for (let name: NodeJS.Signals = 'SIGTERM'; left.length > 0; left = find()) {
    if (performance.now() > deadline) name = 'SIGKILL'
    for (const { pid } of left) sendSignal(pid, name)
    await delay(20)
  }
  return names
}
