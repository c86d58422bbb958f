/** New processes of what is live, with the present configuration: `restart [<repo> [<branch>]]`. */
import { deployEach } from './deploy-each.ts'
import type { Invocation } from './command.ts'

export function run(invocation: Invocation): Promise<number> {
  return deployEach(invocation, 'restart')
}
