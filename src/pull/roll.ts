/** What a fleet of hosts that pull one remote rolls out. Pure. */
import type { Remote } from '../config/remote.ts'
import type { RollRef } from '../fleet/roll.ts'
import type { BranchRef } from '../paths.ts'

/**
 * Hosts that pull one artifact are one fleet, whatever their branches are called; of other remotes those are that
 * pull to a branch of the same name, or, without a branch, from the same remote.
 */
export function rollOf(remote: Remote, branch?: BranchRef): RollRef {
  if (remote.kind === 'artifact') return { app: remote.app, target: remote.target }
  if (branch !== undefined) return { app: branch.repo, target: branch.branch }
  return { app: remote.shown, target: 'pull' }
}
