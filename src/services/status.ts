/** How the processes of a release are. */
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { readIfThere } from '../system/files.ts'
import { isRunning } from '../system/process-table.ts'
import { processesOf, type Release } from '../release.ts'
import { serviceState } from './daemontools.ts'

export interface ProcessStatus {
  readonly runner: string
  readonly index: number
  /** `crashing`: it ends again and again soon after its start. `unsupervised`: nothing would start it again. */
  readonly state: 'up' | 'down' | 'crashing' | 'unsupervised'
  readonly pid: number | undefined
  readonly port: number | undefined
  /** ISO 8601, UTC: since when it is up or down. */
  readonly since: string | undefined
  /** How often it was started again since the release began. */
  readonly restarts: number
}

/** A process that was restarted counts as crashing until it has been up for this long, in milliseconds. */
const SETTLED = 10_000

/** Status of every process, in the order of the runners. */
export async function releaseStatus(ctx: Context, release: Release): Promise<ProcessStatus[]> {
  return Promise.all(
    processesOf(release).map(async ({ runner, index, port }) => {
      const directory = ctx.paths.service(release, runner.name, index)
      const { supervised, pid, since } = serviceState(directory)
      const runs = pid !== undefined && isRunning(pid)
      const starts = Number.parseInt((await readIfThere(join(directory, 'starts'))) ?? '', 10)
      const restarts = Number.isNaN(starts) ? 0 : Math.max(0, starts - 1)
      const pausing = (await readIfThere(join(directory, 'pausing'))) !== undefined
      const young = since === undefined || ctx.now().getTime() - since.getTime() < SETTLED
      const up = pausing || (restarts > 0 && young) ? 'crashing' : 'up'
      return {
        runner: runner.name,
        index,
        state: !supervised ? 'unsupervised' : pid === undefined ? 'down' : runs ? up : 'crashing',
        pid: supervised && runs ? pid : undefined,
        port,
        since: since?.toISOString(),
        restarts,
      } satisfies ProcessStatus
    }),
  )
}
