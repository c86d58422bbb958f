/** Taking phases back. */
import { messageOf } from '../errors.ts'
import type { Undoable } from './deploy.ts'
import type { PhaseRecord } from './journal.ts'
import { phases } from './phases/index.ts'
import type { PhaseName } from './plan.ts'

/**
 * Takes back what the begun phases did, newest first; a phase that cannot be undone does not stop the others.
 * @returns whether all of it could be
 */
export async function undoPhases(deploy: Undoable, begun: readonly PhaseRecord[]): Promise<boolean> {
  let whole = true
  for (const { name } of begun.toReversed()) {
    try {
      await phases[name as PhaseName]?.undo?.(deploy)
    } catch (error) {
      whole = false
      deploy.report.warning(`undoing ${name}: ${messageOf(error)}`)
      deploy.ctx.log.error(
        { ...deploy.ref, phase: name, error: messageOf(error) },
        'a phase could not be undone',
      )
    }
  }
  return whole
}
