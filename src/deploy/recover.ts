/** Finishes or undoes what a deploy left behind that was killed: before SWITCH undone, after it finished. */
import type { Context } from '../context.ts'
import type { BranchRef } from '../paths.ts'
import { silent } from '../system/output.ts'
import { liveReleaseName, readRelease } from '../system/state.ts'
import type { Undoable } from './deploy.ts'
import { listRecords, writeRecord, type DeployRecord } from './journal.ts'
import { Report } from './report.ts'
import { undoPhases } from './undo.ts'
import { commitOf, setBranch } from '../git/repository.ts'
import { leaveMaintenance } from '../maintenance.ts'
import { routeTraffic } from './route.ts'

/** Recovers a branch. The caller holds its lock, so that a record that says `running` belongs to nobody. */
export async function recoverBranch(ctx: Context, ref: BranchRef): Promise<DeployRecord[]> {
  const left = (await listRecords(ctx.paths, ref)).filter(({ result }) => result === 'running')
  const recovered: DeployRecord[] = []
  for (const record of left.toReversed()) {
    const switched = (await liveReleaseName(ctx.paths, ref)) === record.release
    if (switched) await finish(ctx, record)
    else await undo(ctx, record)
    const ended: DeployRecord = {
      ...record,
      result: switched ? 'succeeded' : 'abandoned',
      switched,
      ended: ctx.now().toISOString(),
      ...(switched ? {} : { error: 'the process that deployed was ended' }),
    }
    await writeRecord(ctx.paths, ended)
    ctx.log.warn({ ...ref, release: record.release, result: ended.result }, 'recovered a deploy')
    recovered.push(ended)
  }
  return recovered
}

async function undo(ctx: Context, record: DeployRecord): Promise<void> {
  const former =
    record.former === undefined
      ? undefined
      : await readRelease(ctx.paths, { ...record, release: record.former })
  const left: Undoable = {
    ctx,
    ref: { repo: record.repo, branch: record.branch, release: record.release },
    kind: record.kind,
    former,
    report: new Report(silent),
    staged: undefined,
    nginxLock: undefined,
  }
  await undoPhases(left, record.begun)
}

async function finish(ctx: Context, record: DeployRecord): Promise<void> {
  await leaveMaintenance(ctx, record)
  await routeTraffic(ctx, silent)
  if ((await commitOf(ctx, record.repo, `refs/heads/${record.branch}`)) !== record.commit) {
    await setBranch(ctx, record.repo, record.branch, record.commit)
  }
}
