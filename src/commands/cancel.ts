/** Stops the running deploy of a branch, the processes of its build included: `cancel <repo> <branch>`. */
import { setTimeout as delay } from 'node:timers/promises'
import { requestCancel } from '../deploy/cancel.ts'
import { listRecords } from '../deploy/journal.ts'
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
  for (;;) {
    const record = (await listRecords(ctx.paths, ref)).find(({ release }) => release === running.release)
    if (record?.switched === true) {
      throw new PypaasError('failed', `${running.release} is live already`, {
        hint: `\`rollback ${repo} ${branch}\` goes back`,
      })
    }
    if (record?.result !== 'running') {
      out.line(`${running.release} (${running.kind} by ${running.by}): ${record?.result ?? 'gone'}`)
      return record?.result === 'cancelled' ? 0 : 1
    }
    await delay(LOOK, undefined, { signal: session.signal })
  }
}
