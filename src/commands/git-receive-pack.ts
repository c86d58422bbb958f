/** A push: git takes the objects, each branch that moves is deployed. */
import { ensureRepository } from '../git/repository.ts'
import { receivePack } from '../git/transport.ts'
import { repoNameOf } from '../ssh/request.ts'
import type { Invocation } from './command.ts'
import { gitStreams } from './git-streams.ts'
import { repoOf } from './lookup.ts'
import { bytes } from './text.ts'

export async function run({ ctx, session, err, args: [argument = ''] }: Invocation): Promise<number> {
  const repo = repoOf(ctx, repoNameOf(argument))
  const path = await ensureRepository(ctx, repo, session.self)
  const options = { streams: gitStreams(session), protocol: session.gitProtocol, signal: session.signal }
  const { maxPush } = ctx.config.main.git
  const received = receivePack(ctx, path, maxPush, options, async (asked) => (await accepting).accept(asked))
  // What deploys is loaded while git takes the objects: with OpenSSH it is a process a push.
  const accepting = import('./accept-push.ts').then(({ acceptPush }) => acceptPush(ctx, repo, session))
  try {
    const { status, tooLarge } = await received
    if (tooLarge) {
      // As one, so that the client's git does not write between them.
      err.line(
        `pypaas: a push to this host may have ${bytes(maxPush)}, and this one has more\n` +
          '        push less at once, or raise `git: {max_push: …}` in pypaas.yml on the host',
      )
    }
    return status
  } finally {
    await (await accepting).finish()
  }
}
