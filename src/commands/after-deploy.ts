/** What is left to do once a deploy is over, while nobody waits. */
import type { Context } from '../context.ts'
import { settle } from '../deploy/settle.ts'
import type { BranchRef } from '../paths.ts'
import { reportBranch } from '../pull/fleet-report.ts'

/** Ends the former release, watches the live one, and tells the fleet which one that is in the end. */
export async function afterDeploy(ctx: Context, ref: BranchRef, signal?: AbortSignal): Promise<void> {
  await settle(ctx, ref, signal)
  await reportBranch(ctx, ref)
}
