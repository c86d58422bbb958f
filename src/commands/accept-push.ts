/** The branches that a push moves: each is deployed when git asks whether it may move. */
import { spawn } from 'node:child_process'
import type { RepoConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import { endMove, handMove, settleMove, type Move } from '../deploy/moves.ts'
import { acceptUpdate, agree, type Pushed } from '../deploy/push.ts'
import { isAt } from '../git/repository.ts'
import type { Accept } from '../git/transport.ts'
import { tee } from '../system/output.ts'
import type { Session } from './command.ts'

export interface Accepting {
  readonly accept: Accept
  /** Sees to what follows the deploys, once git has moved the refs. */
  finish(): Promise<void>
}

export function acceptPush(ctx: Context, repo: RepoConfig, session: Session): Accepting {
  const pushed: Pushed[] = []
  const finish = async (): Promise<void> => {
    const moved = pushed.splice(0)
    await agree(ctx, moved)
    for (const each of moved) {
      if (each.move === undefined) session.settleLater(each)
      else await deployLater(ctx, session, each, each.move)
    }
  }
  const accept: Accept = async ({ update, options: pushOptions, output, git, gone }) => {
    // git moves a ref before it asks for the next. Two pushes never wait for each other's branches so.
    await finish()
    const shown = session.watch === undefined ? output : tee(output, session.watch)
    const cancel = new AbortController()
    // Not AbortSignal.any: Node 20 may collect it while somebody waits for it.
    const over = new AbortController()
    for (const signal of [gone, session.signal])
      signal.addEventListener('abort', () => cancel.abort(signal.reason), {
        once: true,
        signal: over.signal,
      })
    const how = { output: shown, signal: cancel.signal, pushOptions, git }
    // A push may move many branches, and none is to leave its listeners behind.
    const outcome = await acceptUpdate(ctx, repo, update, session.who, how).finally(() => over.abort())
    if (outcome.pushed !== undefined) pushed.push(outcome.pushed)
    return outcome.status
  }
  return { accept, finish }
}

/** A process of its own: it outlives the client, and the daemon. */
async function deployLater(
  ctx: Context,
  { self, who }: Session,
  { repo, branch, commit, options }: Pushed,
  move: Move,
): Promise<void> {
  // git may have refused it in the end.
  if (!(await isAt(ctx, repo, branch, commit))) return endMove(ctx, move)
  const [program = '', ...args] = self
  const given = [
    ...(options.noCache ? ['--no-cache'] : []),
    ...(options.message === undefined ? [] : ['--message', options.message]),
  ]
  const words = [...args, 'deploy-detached', ...given, '--by', who, '--', repo, branch, commit, move.id]
  const child = spawn(program, words, { detached: true, stdio: 'ignore' })
  child.on('error', (error) => {
    ctx.log.error({ repo, branch, commit, error: error.message }, 'a detached deploy could not be started')
  })
  child.unref()
  if (child.pid === undefined) await settleMove(ctx, move)
  else await handMove(ctx, move, child.pid)
}
