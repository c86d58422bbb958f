/** A build server's side of `release --remote`. */
import { buildStream } from '../releasing/build-stream.ts'
import type { Invocation } from './command.ts'

export async function run({ ctx, session, err }: Invocation): Promise<number> {
  await buildStream(ctx, session, err)
  return 0
}
