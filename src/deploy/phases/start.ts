import { environmentOf } from '../../environment.ts'
import { urlsOf } from '../../nginx/urls.ts'
import { processesOf } from '../../release.ts'
import { typeOf } from '../../runners/index.ts'
import { waitHealthy } from '../../services/health.ts'
import {
  delist,
  enlist,
  removeServices,
  startServices,
  stopServices,
  untilRun,
  writeServices,
} from '../../services/tree.ts'
import { removeRelease, writeRelease } from '../../system/state.ts'
import type { Phase } from './phase.ts'

/**
 * The release's processes, under a svscan of their own. While they boot, the release is written down, and made known
 * to the host's svscan for after a reboot: on the disk it need not be before SWITCH.
 */
export const start: Phase = {
  async apply({ ctx, ref, release, report, target, meanwhile }) {
    if (release === undefined) return
    const processes = processesOf(release)
    if (processes.length === 0) {
      meanwhile.begin('start', writeRelease(ctx.paths, release))
      return
    }
    report.heading(`Starting ${processes.length} ${processes.length === 1 ? 'process' : 'processes'}`)
    const env = environmentOf(ctx.baseEnv, target)
    writeServices(ctx, release, target.path, ({ runner, port }) => ({
      ...env,
      ...typeOf(runner).processEnv(runner, port),
    }))
    await startServices(ctx, ref)
    const run = untilRun(ctx, release)
    const written = run.then(() => writeRelease(ctx.paths, release))
    const enlisted = run.then(() => enlist(ctx, release))
    meanwhile.begin('start', written)
    meanwhile.begin('start', enlisted)
  },
  async undo({ ctx, ref }) {
    await delist(ctx, ref)
    await stopServices(ctx, ref)
    await removeServices(ctx, ref)
    await removeRelease(ctx.paths, ref)
  },
}

/** All processes are healthy, or the deploy fails. */
export const healthy: Phase = {
  async apply({ ctx, ref, release, report, signal }) {
    if (release === undefined || processesOf(release).length === 0) return
    const begun = performance.now()
    await waitHealthy(ctx, release, { signal, output: report, url: urlsOf(ctx.config, ref)[0] })
    const shown = processesOf(release).map(
      ({ runner, index, port }) => `${runner.name}-${index}${port === undefined ? '' : ` on port ${port}`}`,
    )
    report.line(`healthy after ${Math.round(performance.now() - begun)} ms: ${shown.join(', ')}`)
  },
}
