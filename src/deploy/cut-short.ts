/** Deploys that were cut short, of all branches: found and seen to by whatever command comes next. */
import type { Context } from '../context.ts'
import type { BranchRef } from '../paths.ts'
import { tryLock } from '../system/lock.ts'
import { branchesWithLostMoves } from './moves.ts'
import { agreeWithLive, recoverBranch } from './recover.ts'
import { isUnsettled } from './settle.ts'
import { sweep, sweepMoves, sweepSettleLocks } from './sweep.ts'
import { isBeingSettled, listUnfinished } from './unfinished.ts'

/**
 * What every command does before its own work: finishes or undoes the deploys that were cut short. A branch that
 * is being deployed is left alone. Costs next to nothing where there is nothing to do, or somebody is at it.
 * @param settleLater ends former releases, without anyone waiting
 */
export async function recoverCutShort(ctx: Context, settleLater: (ref: BranchRef) => void): Promise<void> {
  await sweepMoves(ctx)
  await sweepSettleLocks(ctx)
  const left: BranchRef[] = await branchesWithLostMoves(ctx)
  for (const note of await listUnfinished(ctx.paths)) {
    if (!(await isBeingSettled(ctx, note))) left.push(note)
  }
  for (const ref of branchesAmong(left)) {
    const held = await tryLock(ctx.paths.branchLock(ref), { what: 'recovery', now: ctx.now() })
    if (held === undefined) continue
    try {
      await recoverBranch(ctx, ref)
      await agreeWithLive(ctx, ref)
      await sweep(ctx, ref)
    } finally {
      await held.release()
    }
    if (await isUnsettled(ctx, ref)) settleLater(ref)
  }
}

/** Each branch once. */
function branchesAmong(refs: readonly BranchRef[]): BranchRef[] {
  const branches = new Map(refs.map(({ repo, branch }) => [JSON.stringify([repo, branch]), { repo, branch }]))
  return [...branches.values()]
}
