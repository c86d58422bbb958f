/** The update hook of a push that came by path, without a pypaas serving it (githooks(5)). */
import { acceptUpdate } from '../deploy/push.ts'
import type { Invocation } from './command.ts'
import { repoOf } from './lookup.ts'

export async function run({ ctx, session, args, out }: Invocation): Promise<number> {
  const [name = '', ref = '', from = '', to = ''] = args
  const options = { output: out, signal: session.signal, pushOptions: [] }
  const { status, pushed } = await acceptUpdate(
    ctx,
    repoOf(ctx, name),
    { ref, from, to },
    session.who,
    options,
  )
  if (pushed === undefined) return status
  session.settleLater(pushed)
  // git moves the ref once this process has ended.
  await pushed.lock?.release()
  return status
}
