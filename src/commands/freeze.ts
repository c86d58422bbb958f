/** Refuses deploys of a branch: `freeze <repo> <branch> <why>…`. */
import { freeze } from '../deploy/freeze.ts'
import type { Invocation } from './command.ts'
import { branchOf } from './lookup.ts'

export async function run({ ctx, session, args, out }: Invocation): Promise<number> {
  const [repo = '', name = '', ...why] = args
  const { branch } = branchOf(ctx, repo, name)
  await freeze(ctx, { repo, branch }, session.who, why.join(' '))
  out.line(`${repo} ${branch} is frozen: deploys are refused until \`unfreeze ${repo} ${branch}\``)
  return 0
}
