/** Follows a deploy: `deploys attach <id>`, or `<repo> <branch>` for the one that runs or is about to. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../../context.ts'
import { listRecords, logFile, type DeployRecord } from '../../deploy/journal.ts'
import { PypaasError } from '../../errors.ts'
import type { BranchRef } from '../../paths.ts'
import { readIfThere } from '../../system/files.ts'
import type { Invocation } from '../command.ts'
import { branchOf } from '../lookup.ts'
import { recordOf } from './record.ts'

/** Milliseconds between two looks, and in which a detached deploy must have begun. */
const LOOK = 100
const BEGIN = 3000

/** Prints the deploy's log as it grows, until the deploy has ended. 1 if it failed. */
export async function attach({ ctx, session, args, out }: Invocation): Promise<number> {
  const [, first, branch] = args
  if (first === undefined) {
    throw new PypaasError('usage', '`deploys attach` takes an id, or a repo and a branch')
  }
  const { signal } = session
  const followed =
    branch === undefined ? await recordOf(ctx, first) : await presentOf(ctx, { repo: first, branch }, signal)
  let shown = 0
  for (;;) {
    const record = (await listRecords(ctx.paths, followed)).find(
      ({ release }) => release === followed.release,
    )
    const log = (await readIfThere(logFile(ctx.paths, followed))) ?? ''
    const end = log.lastIndexOf('\n') + 1
    if (end > shown) out.line(log.slice(shown, end - 1))
    shown = Math.max(shown, end)
    if (record?.result !== 'running') return record?.result === 'succeeded' ? 0 : 1
    await delay(LOOK, undefined, { signal })
  }
}

/** The deploy that runs, or begins within a moment; else the last one. */
async function presentOf(ctx: Context, ref: BranchRef, signal: AbortSignal): Promise<DeployRecord> {
  branchOf(ctx, ref.repo, ref.branch)
  for (let waited = 0; ; waited += LOOK) {
    const records = await listRecords(ctx.paths, ref)
    const running = records.find(({ result }) => result === 'running')
    if (running !== undefined) return running
    const last = records.at(-1)
    if (waited < BEGIN) await delay(LOOK, undefined, { signal })
    else if (last !== undefined) return last
    else throw new PypaasError('failed', `${ref.repo} ${ref.branch} has not been deployed yet`)
  }
}
