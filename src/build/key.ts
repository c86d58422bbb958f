/** Keys of dependency trees (DESIGN 5): everything that an install depends on, in one name. */
import { createHash } from 'node:crypto'
import type { Context } from '../context.ts'
import { BUILD_MARK, type Target } from '../environment.ts'

/**
 * `<tool>-<runtime version>-<platform>-<hash>`. The inputs go into the hash only: environment values among
 * them may be secrets, and a hash over all inputs together does not tell one of them.
 */
export function treeKey(
  names: { readonly tool: string; readonly version: string; readonly platform: string },
  inputs: unknown,
): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([names, inputs]))
    .digest('hex')
    .slice(0, 32)
  return `${names.tool}-${names.version}-${names.platform}-${hash}`
}

/** The environment as install scripts see it, without what differs from commit to commit and from checkout to checkout. */
export function keyedEnvironment(ctx: Context, target: Target): [string, string][] {
  const { GIT_COMMIT: _commit, [BUILD_MARK]: _mark, ...env } = { ...ctx.baseEnv, ...target.env }
  return Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1))
}
