/** Removes what belongs to nothing that is configured, and nothing else. */
import { cleanUp, findLeftovers, type Leftover } from '../deploy/cleanup.ts'
import { PypaasError } from '../errors.ts'
import type { Invocation } from './command.ts'
import { waitOf } from './wait.ts'

export async function run({ ctx, session, options, json, out, err }: Invocation): Promise<number> {
  const { problems, dir } = ctx.config
  if (problems.length > 0) {
    // What a broken file defines would look as if it were no longer configured.
    throw new PypaasError('config', `the configuration in ${dir} has mistakes, so that nothing is removed`, {
      hint: '`pypaas check` shows them',
    })
  }
  const found = await findLeftovers(ctx)
  const dryRun = options['dryRun'] === true
  const locking = { output: err, signal: session.signal, wait: waitOf(options) }
  const leftovers = dryRun ? found : await cleanUp(ctx, found, locking)
  if (json) out.line(JSON.stringify({ removed: !dryRun, leftovers }, null, 2))
  else if (leftovers.length === 0) out.line('nothing to remove')
  else
    for (const leftover of leftovers) out.line(`${dryRun ? 'would remove' : 'removed'} ${describe(leftover)}`)
  return 0
}

function describe({ repo, branch, releases, checkouts, ports, legacyServices }: Leftover): string {
  const parts = [
    count(releases.length, 'release'),
    count(checkouts.length, 'checkout'),
    ...(ports.length === 0 ? [] : [`${count(ports.length, 'port')} (${ports.join(', ')})`]),
    ...(legacyServices.length === 0 ? [] : [count(legacyServices.length, 'service')]),
  ]
  return `${repo} ${branch}: ${parts.join(', ')}`
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
