import { pauseProcesses, resumeProcesses } from '../../services/pause.ts'
import { stopFirst } from '../plan.ts'
import type { Phase } from './phase.ts'

/** Ends the old processes of runners with `strategy: stop_first`, of which two must never run at once. */
export const stopFirstPhase: Phase = {
  heading: ({ former, order }) =>
    `Stopping ${former === undefined ? '' : stopFirst(order.branch, former).join(', ')} (strategy: stop_first)`,
  async apply({ ctx, former, order }) {
    if (former !== undefined) await pauseProcesses(ctx, former, stopFirst(order.branch, former))
  },
  async undo({ ctx, former, report }) {
    if (former !== undefined) await resumeProcesses(ctx, former, report)
  },
}
