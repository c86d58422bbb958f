/** A push: git takes the objects, each branch that moves is deployed. */
import { spawn } from 'node:child_process'
import { acceptUpdate, agree, type Pushed } from '../deploy/push.ts'
import { ensureRepository } from '../git/repository.ts'
import { receivePack, type Accept } from '../git/transport.ts'
import { repoNameOf } from '../ssh/request.ts'
import { tee } from '../system/output.ts'
import type { Invocation, Session } from './command.ts'
import { gitStreams } from './git-streams.ts'
import { repoOf } from './lookup.ts'

export async function run({ ctx, session, args: [argument = ''] }: Invocation): Promise<number> {
  const repo = repoOf(ctx, repoNameOf(argument))
  const path = await ensureRepository(ctx, repo, session.self)
  const pushed: Pushed[] = []
  const finish = async (): Promise<void> => {
    const moved = pushed.splice(0)
    await agree(ctx, moved)
    for (const each of moved) {
      if (each.lock === undefined) deployLater(session, each)
      else session.settleLater(each)
    }
  }
  const options = { streams: gitStreams(session), protocol: session.gitProtocol, signal: session.signal }
  const accept: Accept = async ({ update, options: pushOptions, output, gone }) => {
    // git moves a ref before it asks for the next. Two pushes never wait for each other's branches so.
    await finish()
    const shown = session.watch === undefined ? output : tee(output, session.watch)
    const cancel = new AbortController()
    // Not AbortSignal.any: Node 20 may collect it while somebody waits for it.
    for (const signal of [gone, session.signal])
      signal.addEventListener('abort', () => cancel.abort(signal.reason), { once: true })
    const how = { output: shown, signal: cancel.signal, pushOptions }
    const outcome = await acceptUpdate(ctx, repo, update, session.who, how)
    if (outcome.pushed !== undefined) pushed.push(outcome.pushed)
    return outcome.status
  }
  try {
    return await receivePack(ctx, path, ctx.config.main.git.maxPush, options, accept)
  } finally {
    await finish()
  }
}

/** A process of its own: it outlives the client, and the daemon. */
function deployLater({ self, who }: Session, { repo, branch, commit, from, options }: Pushed): void {
  const [program = '', ...args] = self
  const given = [
    ...(options.noCache ? ['--no-cache'] : []),
    ...(options.message === undefined ? [] : ['--message', options.message]),
  ]
  const words = [...args, 'deploy-detached', ...given, '--by', who, '--', repo, branch, commit, from]
  spawn(program, words, { detached: true, stdio: 'ignore' }).unref()
}
