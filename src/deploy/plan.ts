/** Which phases a deploy has, in their order. Pure. */
import type { BranchConfig } from '../config/types.ts'
import type { Release } from '../release.ts'
import type { Order } from './deploy.ts'

export const PHASES = [
  'preflight',
  'checkout',
  'before_build',
  'build',
  'after_build',
  'release',
  'maintenance',
  'stop_first',
  'start',
  'healthy',
  'nginx',
  'switch',
] as const

export type PhaseName = (typeof PHASES)[number]

/**
 * The phases up to SWITCH of a deploy of `branch` over the live release `former`. With a checkout that is
 * built already (a restart, a rollback) it neither builds nor migrates; a tree that was built elsewhere migrates.
 * A dry run never stops what is live.
 */
export function planDeploy(
  { branch, built, tree, dryRun = false }: Pick<Order, 'branch' | 'built' | 'tree' | 'dryRun'>,
  former: Release | undefined,
): PhaseName[] {
  const builds = built === undefined
  const maintenance = builds && !dryRun && branch.hooks.maintenance !== undefined
  const needed: Record<PhaseName, boolean> = {
    preflight: true,
    checkout: builds,
    before_build: builds && branch.hooks.before_build !== undefined,
    build: builds && (tree?.built !== true || tree.prepare !== undefined),
    after_build: builds && branch.hooks.after_build !== undefined,
    release: true,
    maintenance,
    stop_first: !maintenance && !dryRun && former !== undefined && stopFirst(branch, former).length > 0,
    start: startable(branch, dryRun),
    healthy: startable(branch, dryRun),
    nginx: true,
    switch: !dryRun,
  }
  return PHASES.filter((name) => needed[name])
}

/** What must not run twice cannot be tried beside what is live. */
function startable(branch: BranchConfig, dryRun: boolean): boolean {
  return (
    !dryRun ||
    [...branch.runners.values()].every(
      (runner) => runner.type === 'NginxStatic' || runner.strategy === 'overlap',
    )
  )
}

/** Runners whose old processes end before the new ones start: singletons, in the old or the new configuration. */
export function stopFirst(branch: BranchConfig, former: Release): string[] {
  return former.runners
    .filter((old) => old.type !== 'NginxStatic')
    .filter((old) => {
      const now = branch.runners.get(old.name)
      const strategy = now === undefined || now.type === 'NginxStatic' ? undefined : now.strategy
      return (strategy ?? old.strategy) === 'stop_first'
    })
    .map((old) => old.name)
}
