/** Lets deploys of a frozen branch through again. */
import { unfreeze } from '../deploy/freeze.ts'
import type { Invocation } from './command.ts'
import { branchOf } from './lookup.ts'

export async function run({ ctx, args: [repo = '', name = ''], out }: Invocation): Promise<number> {
  const { branch } = branchOf(ctx, repo, name)
  const former = await unfreeze(ctx, { repo, branch })
  out.line(
    former === undefined
      ? `${repo} ${branch} was not frozen`
      : `${repo} ${branch} takes deploys again (it was frozen by ${former.by}: ${former.why})`,
  )
  return 0
}
