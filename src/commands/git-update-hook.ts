/** The update hook of a push that came by path, without a pypaas serving it (githooks(5)). */
import { allowMove } from '../deploy/moves.ts'
import { acceptUpdate } from '../deploy/push.ts'
import { messageOf } from '../errors.ts'
import type { Invocation } from './command.ts'
import { repoOf } from './lookup.ts'

export async function run({ ctx, session, args, out }: Invocation): Promise<number> {
  const [name = '', ref = '', from = '', to = ''] = args
  // git runs the hook, which has become this process.
  const git = process.ppid
  const options = { output: out, signal: session.signal, pushOptions: [], git }
  const { status, pushed } = await acceptUpdate(
    ctx,
    repoOf(ctx, name),
    { ref, from, to },
    session.who,
    options,
  )
  if (pushed === undefined) return status
  session.settleLater(pushed)
  try {
    // git moves the ref once this process has ended, and with it the lock: nobody is to be in its way.
    await allowMove(ctx, pushed, { from, to }, git)
  } catch (error) {
    ctx.log.error({ ref, to, error: messageOf(error) }, 'what git is about to move could not be noted')
  }
  await pushed.lock?.release()
  return status
}
