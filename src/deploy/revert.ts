/** Putting the former release back when the new one fails soon after SWITCH. */
import type { Context } from '../context.ts'
import { messageOf } from '../errors.ts'
import type { ReleaseRef } from '../paths.ts'
import { silent } from '../system/output.ts'
import { liveReleaseName } from '../system/state.ts'
import { lockBranch } from './branch-lock.ts'
import { listRecords, writeRecord } from './journal.ts'
import { rollBack } from './rollback.ts'

/**
 * Goes back to the release that was live before `failing`, and marks its deploy as reverted. Does nothing if
 * another release is live by now, or if there was none before it.
 * @param why what fails
 * @returns whether the former release is live again
 */
export async function revert(ctx: Context, failing: ReleaseRef, why: string): Promise<boolean> {
  const branch = ctx.config.repos.get(failing.repo)?.branches.get(failing.branch)
  const record = (await listRecords(ctx.paths, failing)).find(({ release }) => release === failing.release)
  ctx.log.warn(
    { repo: failing.repo, branch: failing.branch, release: failing.release, why },
    'a new release fails',
  )
  if (branch === undefined || record?.former === undefined || record.kind === 'revert') return false
  const what = `revert of ${failing.repo} ${failing.branch}`
  const held = await lockBranch(ctx, failing, what, { output: silent })
  try {
    if ((await liveReleaseName(ctx.paths, failing)) !== failing.release) return false
    const options = { output: silent, signal: new AbortController().signal }
    await rollBack(ctx, branch, record.former, { kind: 'revert', by: 'pypaas' }, options)
    writeRecord(ctx.paths, { ...record, result: 'reverted', error: why })
    return true
  } catch (error) {
    ctx.log.error({ ...failing, error: messageOf(error) }, 'the former release could not be put back')
    return false
  } finally {
    await held.release()
  }
}
