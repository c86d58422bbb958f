/** What a deploy left to do, in a process that nobody waits for. */
import { messageOf } from '../errors.ts'
import { afterDeploy } from './after-deploy.ts'
import type { Invocation } from './command.ts'

export async function run({ ctx, args: [repo = '', branch = ''] }: Invocation): Promise<number> {
  try {
    await afterDeploy(ctx, { repo, branch })
    return 0
  } catch (error) {
    ctx.log.error({ repo, branch, error: messageOf(error) }, 'what a deploy left to do could not be finished')
    throw error
  }
}
