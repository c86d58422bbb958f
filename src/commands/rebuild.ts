/** Builds and deploys the live commit anew: `rebuild [<repo> [<branch>]]`. */
import { deployEach } from './deploy-each.ts'
import type { Invocation } from './command.ts'

export function run(invocation: Invocation): Promise<number> {
  return deployEach(invocation, 'rebuild')
}
