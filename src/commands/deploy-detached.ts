/** The deploy of `git push -o detach`, in a process that nobody waits for. `deploys attach` follows it. */
import { handMove, moveOf } from '../deploy/moves.ts'
import { deployDetached } from '../deploy/push.ts'
import { messageOf } from '../errors.ts'
import { subjectOf } from '../git/repository.ts'
import { silent } from '../system/output.ts'
import type { Invocation } from './command.ts'
import { branchOf } from './lookup.ts'

export async function run({ ctx, session, args, options }: Invocation): Promise<number> {
  const [repo = '', name = '', commit = '', id = ''] = args
  const noted = await moveOf(ctx, { repo, branch: name }, id)
  if (noted === undefined) {
    ctx.log.warn(
      { repo, branch: name, commit },
      'a detached push has been taken back before its deploy began',
    )
    return 1
  }
  const move = await handMove(ctx, noted, process.pid)
  const branch = branchOf(ctx, repo, name)
  const message = options['message']
  const order = {
    kind: 'push' as const,
    branch,
    commit,
    subject: await subjectOf(ctx, repo, commit),
    by: typeof options['by'] === 'string' ? options['by'] : session.who,
    noCache: options['cache'] === false,
    ...(typeof message === 'string' ? { message } : {}),
  }
  try {
    await deployDetached(ctx, order, move, { output: session.watch ?? silent, signal: session.signal })
  } catch (error) {
    // Nobody reads what this process prints, and what comes before the deploy is in no journal.
    ctx.log.warn({ repo, branch: name, commit, error: messageOf(error) }, 'a detached deploy failed')
    return 1
  }
  session.settleLater({ repo, branch: name })
  return 0
}
