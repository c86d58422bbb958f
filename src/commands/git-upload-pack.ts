/** A clone or fetch. */
import { ensureRepository } from '../git/repository.ts'
import { uploadPack } from '../git/transport.ts'
import { repoNameOf } from '../ssh/request.ts'
import type { Invocation } from './command.ts'
import { gitStreams } from './git-streams.ts'
import { repoOf } from './lookup.ts'

export async function run({ ctx, session, args: [argument = ''] }: Invocation): Promise<number> {
  const repo = repoOf(ctx, repoNameOf(argument))
  const path = await ensureRepository(ctx, repo, session.self)
  const options = { streams: gitStreams(session), protocol: session.gitProtocol, signal: session.signal }
  return uploadPack(ctx, path, options)
}
