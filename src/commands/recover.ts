/** Deploys and pulls that were cut short: every command sees to them before its own work. */
import type { Context } from '../context.ts'
import { messageOf } from '../errors.ts'
import { namesIn } from '../system/files.ts'
import { listDirectory } from '../system/state.ts'
import type { Session } from './command.ts'

/** What is left of others must not keep a command from its own work. */
export async function recover(ctx: Context, session: Session): Promise<void> {
  try {
    if ((await listDirectory(ctx.paths.pulls)).length > 0) {
      const { clearKilledPulls } = await import('../pull/begun.ts')
      await clearKilledPulls(ctx)
    }
    if (!(await isAnythingLeft(ctx))) return
    const { recoverCutShort } = await import('../deploy/cut-short.ts')
    await recoverCutShort(ctx, (ref) => session.settleLater(ref))
  } catch (error) {
    ctx.log.error({ error: messageOf(error) }, 'a deploy that was cut short could not be recovered')
  }
}

/** Whether it is worth loading what recovers: not for what follows a deploy, with which a living process is at work. */
async function isAnythingLeft(ctx: Context): Promise<boolean> {
  // What is half written of a move, too.
  if ((await namesIn(ctx.paths.moves)).length > 0) return true
  if ((await namesIn(ctx.paths.unfinished)).length === 0) return false
  const { isBeingSettled, listUnfinished, looseSettleLocks } = await import('../deploy/unfinished.ts')
  if ((await looseSettleLocks(ctx.paths)).length > 0) return true
  const noted = await listDirectory(ctx.paths.unfinished)
  const readable = await listUnfinished(ctx.paths)
  if (readable.length < noted.length) return true
  for (const ref of readable) if (!(await isBeingSettled(ctx, ref))) return true
  return false
}
