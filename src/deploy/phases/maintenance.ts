import { runHook } from '../../hooks.ts'
import { enterMaintenance, leaveMaintenance } from '../../maintenance.ts'
import { awaitDrained } from '../../nginx/drain.ts'
import { portsInFiles } from '../../nginx/upstreams.ts'
import { portsOf } from '../../release.ts'
import { pauseProcesses, resumeProcesses } from '../../services/pause.ts'
import { endBuild, withoutTrace } from '../build-processes.ts'
import { routeTraffic } from '../route.ts'
import type { Phase } from './phase.ts'

/**
 * The branch's `maintenance` hook, with nothing of the branch running: nginx answers from
 * `maintenance_upstream` or with the 503 page until SWITCH.
 */
export const maintenance: Phase = {
  heading: ({ former }) =>
    former === undefined
      ? 'Running the maintenance hook'
      : 'Maintenance: the former processes stop, the maintenance hook runs',
  async apply({ ctx, ref, former, order, report, signal, target }) {
    await enterMaintenance(ctx, ref, [...order.branch.runners.keys()])
    const routed = await routeTraffic(ctx, report)
    if (former !== undefined) {
      await awaitDrained(ctx, {
        oldPorts: portsOf(former),
        oldWorkers: routed.oldWorkers,
        uncounted: portsInFiles(former),
        timeout: ctx.config.main.drainTimeout,
        signal,
      })
      await pauseProcesses(ctx, former)
    }
    await withoutTrace(ctx, ref, report, (inside) =>
      runHook(inside, order.branch.hooks.maintenance, target, report, {
        stage: 'maintenance',
        signal,
        timeout: ctx.config.main.builds.timeout,
      }),
    )
  },
  async undo({ ctx, ref, former, report }) {
    // A migration that has outlived its deploy must not go on beside the former release.
    await endBuild(ctx, ref)
    if (former !== undefined) await resumeProcesses(ctx, former, report)
    await leaveMaintenance(ctx, ref)
    await routeTraffic(ctx, report)
  },
}
