/** Goes back to a kept release without building: `rollback <repo> <branch> [<release>]`. */
import { lockBranch } from '../deploy/branch-lock.ts'
import { rollBack } from '../deploy/rollback.ts'
import { tee } from '../system/output.ts'
import type { Invocation } from './command.ts'
import { branchOf } from './lookup.ts'
import { waitOf } from './wait.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { ctx, session, out, options: given } = invocation
  const [repo = '', name = '', release] = invocation.args
  const branch = branchOf(ctx, repo, name)
  const ref = { repo, branch: branch.branch }
  const output = session.watch === undefined ? out : tee(out, session.watch)
  const options = { output, signal: session.signal, wait: waitOf(given) }
  const held = await lockBranch(ctx, ref, `rollback of ${repo} ${name} by ${session.who}`, options)
  try {
    await rollBack(ctx, branch, release, { kind: 'rollback', by: session.who }, options)
  } finally {
    await held.release()
  }
  session.settleLater(ref)
  return 0
}
