/** A push: git takes the objects, each branch that moves is deployed. */
import { acceptUpdate, agree, type Pushed } from '../deploy/push.ts'
import { ensureRepository } from '../git/repository.ts'
import { receivePack } from '../git/transport.ts'
import { repoNameOf } from '../ssh/request.ts'
import { tee } from '../system/output.ts'
import type { Invocation } from './command.ts'
import { gitStreams } from './git-streams.ts'
import { repoOf } from './lookup.ts'

export async function run({ ctx, session, args: [argument = ''] }: Invocation): Promise<number> {
  const repo = repoOf(ctx, repoNameOf(argument))
  const path = await ensureRepository(ctx, repo, session.self)
  const pushed: Pushed[] = []
  const options = { streams: gitStreams(session), protocol: session.gitProtocol, signal: session.signal }
  const status = await receivePack(
    ctx,
    path,
    ctx.config.main.git.maxPush,
    options,
    async (update, output, gone) => {
      const signal = AbortSignal.any([gone, session.signal])
      const shown = session.watch === undefined ? output : tee(output, session.watch)
      const outcome = await acceptUpdate(ctx, repo, update, session.who, { output: shown, signal })
      if (outcome.pushed !== undefined) pushed.push(outcome.pushed)
      return outcome.status
    },
  )
  await agree(ctx, pushed)
  for (const ref of pushed) session.settleLater(ref)
  return status
}
