/** Takes a host that is gone for good out of all fleets: `fleet forget <host>`. */
import { PypaasError } from '../../errors.ts'
import { openBoard } from '../../fleet/fleet.ts'
import { forgetHost } from '../../fleet/report.ts'
import { rollName } from '../../fleet/roll.ts'
import type { Invocation } from '../command.ts'

export async function run({ ctx, args: [host = ''], out }: Invocation): Promise<number> {
  const forgotten = await forgetHost(await openBoard(ctx), host)
  if (forgotten.length === 0) {
    throw new PypaasError('failed', `no host ${JSON.stringify(host)} has reported anything`, {
      hint: '`fleet status` lists the hosts that have',
    })
  }
  out.line(
    `${host} is forgotten in ${forgotten.map(rollName).join(', ')}; a host that is still there reports again`,
  )
  return 0
}
