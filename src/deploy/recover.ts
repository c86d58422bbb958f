/** Finishes or undoes what a deploy left behind that was killed: before SWITCH undone, after it finished. */
import { rm } from 'node:fs/promises'
import type { Context } from '../context.ts'
import { messageOf } from '../errors.ts'
import { isAt, setBranch } from '../git/repository.ts'
import { leaveMaintenance } from '../maintenance.ts'
import type { BranchRef } from '../paths.ts'
import { silent } from '../system/output.ts'
import { liveRelease, liveReleaseName, readRelease } from '../system/state.ts'
import type { Undoable } from './deploy.ts'
import { finishMoves, isAboutToMove, isDeployToCome } from './moves.ts'
import { listRecords, logFile, writeRecord, type DeployRecord } from './journal.ts'
import { Report } from './report.ts'
import { routeTraffic } from './route.ts'
import { sweep } from './sweep.ts'
import { undoPhases } from './undo.ts'
import { listUnfinished, noteFinished } from './unfinished.ts'

/**
 * The branch's ref is where the live release came from, unless that came from elsewhere than the repository, or git
 * or a deploy is about to see to that.
 */
export async function agreeWithLive(ctx: Context, ref: BranchRef): Promise<void> {
  const live = await liveRelease(ctx.paths, ref)
  if (live === undefined || live.source !== undefined) return
  if (await isAt(ctx, ref.repo, ref.branch, live.commit)) return
  if ((await isAboutToMove(ctx, ref)) || (await isDeployToCome(ctx, ref))) return
  await setBranch(ctx, ref.repo, ref.branch, live.commit)
}

/**
 * Recovers a branch. The caller holds its lock, so that a record that says `running` belongs to nobody.
 * Notes go last: a recovery that is cut short is gone on with.
 */
export async function recoverBranch(ctx: Context, ref: BranchRef): Promise<void> {
  const left = (await listRecords(ctx.paths, ref)).filter(({ result }) => result === 'running')
  for (const record of left.toReversed()) {
    const switched = (await liveReleaseName(ctx.paths, ref)) === record.release
    if (switched) await finish(ctx, record)
    // What could not all be undone stays to be done, by the next command.
    else if (!(await undo(ctx, record))) continue
    const ended = endOf(ctx, record, switched)
    await rm(ctx.paths.cancelFile(record), { force: true })
    writeRecord(ctx.paths, ended)
    ctx.log.warn({ ...ref, release: record.release, result: ended.result }, 'recovered a deploy')
  }
  await finishMoves(ctx, ref)
  await forgetEmptyNotes(ctx, ref)
}

/** A failure that its own process has noted is one; else that process was killed. */
function endOf(ctx: Context, record: DeployRecord, switched: boolean): DeployRecord {
  const ended = ctx.now().toISOString()
  if (switched) {
    const { error: _, ...well } = record
    return { ...well, result: 'succeeded', switched, ended }
  }
  return record.error === undefined
    ? { ...record, result: 'abandoned', error: 'the process that deployed was ended', ended }
    : { ...record, result: 'failed', ended }
}

/** Notes of which nothing is left: killed before there was a record, the deploy has done nothing; or all is undone. */
async function forgetEmptyNotes(ctx: Context, ref: BranchRef): Promise<void> {
  const notes = (await listUnfinished(ctx.paths)).filter(
    ({ repo, branch }) => repo === ref.repo && branch === ref.branch,
  )
  if (notes.length === 0) return
  const records = new Map((await listRecords(ctx.paths, ref)).map((record) => [record.release, record]))
  const empty = notes.filter(({ release }) => {
    const record = records.get(release)
    return record === undefined || (record.result !== 'running' && !record.switched)
  })
  if (empty.length > 0) await sweep(ctx, ref)
  for (const note of empty) {
    if (!records.has(note.release)) {
      await rm(logFile(ctx.paths, note), { force: true })
      await rm(ctx.paths.cancelFile(note), { force: true })
    }
    await noteFinished(ctx.paths, note)
  }
}

async function undo(ctx: Context, record: DeployRecord): Promise<boolean> {
  const former =
    record.former === undefined
      ? undefined
      : await readRelease(ctx.paths, { ...record, release: record.former })
  const left: Undoable = {
    ctx,
    ref: { repo: record.repo, branch: record.branch, release: record.release },
    builds: record.builds,
    former,
    report: new Report(silent),
    staged: undefined,
    nginxLock: undefined,
  }
  const whole = await undoPhases(left, record.phases)
  // What nginx had staged is known to nobody any more; the next staging removes it.
  if (record.phases.some(({ name }) => name === 'nginx')) await routeAnew(ctx)
  return whole
}

/** nginx not running, or refusing its files for a reason of its own, keeps nothing of a deploy from being undone. */
async function routeAnew(ctx: Context): Promise<void> {
  try {
    await routeTraffic(ctx, silent)
  } catch (error) {
    ctx.log.error({ error: messageOf(error) }, 'nginx could not be told what is live')
  }
}

async function finish(ctx: Context, record: DeployRecord): Promise<void> {
  await leaveMaintenance(ctx, record)
  await routeAnew(ctx)
  await agreeWithLive(ctx, record)
}
