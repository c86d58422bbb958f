/** The branch's own commands, run in its live checkout: `custom_cmds <repo> <branch> <cmd>…`. */
import { runCustomCommands } from '../custom-commands.ts'
import { PypaasError } from '../errors.ts'
import { liveRelease } from '../system/state.ts'
import type { Invocation } from './command.ts'
import { branchOf } from './lookup.ts'

/** Runs each named command; ends with the status of the first that fails. */
export async function run({ ctx, session, args }: Invocation): Promise<number> {
  const [repo = '', branchName = '', ...names] = args
  const branch = branchOf(ctx, repo, branchName)
  const ref = { repo, branch: branchName }
  const commands = names.flatMap((name) => {
    const found = branch.customCmds.get(name)
    if (found !== undefined) return found
    const known = [...branch.customCmds.keys()].join(', ')
    throw new PypaasError('usage', `${repo} ${branchName} has no custom command ${JSON.stringify(name)}`, {
      hint:
        known === '' ? `none are configured under custom_cmds in repos/${repo}.yml` : `configured: ${known}`,
    })
  })
  const live = await liveRelease(ctx.paths, ref)
  if (live === undefined) {
    throw new PypaasError('failed', `${repo} ${branchName} has never been deployed`, {
      hint: 'push it first',
    })
  }
  const target = { path: ctx.paths.checkout(ref, live.checkout), commit: live.commit, env: branch.env }
  return runCustomCommands(ctx, commands, target, session)
}
