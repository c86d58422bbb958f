/** Lets hosts go to a version again on which one has failed: `fleet resume <app> [<target>]`. */
import { openBoard } from '../../fleet/fleet.ts'
import { clearStop } from '../../fleet/stop.ts'
import { DEFAULT_TARGET } from '../../store/versions.ts'
import type { Invocation } from '../command.ts'

export async function run({ ctx, args, out }: Invocation): Promise<number> {
  const [app = '', target = DEFAULT_TARGET] = args
  const stop = await clearStop(await openBoard(ctx), { app, target })
  if (stop === undefined) out.line(`${app}/${target} is not stopped`)
  else out.line(`${app}/${target}: hosts go to ${stop.version} again; it had failed on ${stop.host}`)
  return 0
}
