/** Stops the running deploy of a branch, the processes of its build included: `cancel <repo> <branch>`. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { requestCancel, withdrawCancel } from '../deploy/cancel.ts'
import { listRecords, type DeployRecord } from '../deploy/journal.ts'
import { PypaasError } from '../errors.ts'
import type { Invocation } from './command.ts'
import { branchOf } from './lookup.ts'

/** Milliseconds between two looks at how the deploy does. */
const LOOK = 50

export async function run({ ctx, session, args: [repo = '', name = ''], out }: Invocation): Promise<number> {
  const { branch } = branchOf(ctx, repo, name)
  const ref = { repo, branch }
  const running = (await listRecords(ctx.paths, ref)).findLast(({ result }) => result === 'running')
  if (running === undefined) {
    throw new PypaasError('failed', `no deploy of ${repo} ${branch} is running`, {
      hint: `\`deploys ${repo} ${branch}\` lists the last ones`,
    })
  }
  requestCancel(ctx.paths, running, session.who)
  ctx.log.info({ ...ref, release: running.release, by: session.who }, 'a deploy is to be cancelled')
  try {
    const ended = await endOf(ctx, running, session.signal)
    out.line(`${running.release} (${running.kind} by ${running.by}): ${ended.result}`)
    return ended.result === 'cancelled' ? 0 : 1
  } finally {
    // The deploy may have ended just before, without having seen it.
    await withdrawCancel(ctx.paths, running)
  }
}

/** Waits until a deploy has ended. */
async function endOf(ctx: Context, running: DeployRecord, signal: AbortSignal): Promise<DeployRecord> {
  for (;;) {
    const record = (await listRecords(ctx.paths, running)).find(({ release }) => release === running.release)
    if (record?.switched === true) {
      throw new PypaasError('failed', `${running.release} is live already`, {
        hint: `\`rollback ${running.repo} ${running.branch}\` goes back`,
      })
    }
    if (record?.result !== 'running') return record ?? running
    await delay(LOOK, undefined, { signal })
  }
}
