/** Which phases a deploy has, in their order. Pure. */
import type { BranchConfig } from '../config/types.ts'
import type { Release } from '../release.ts'
import type { DeployKind } from './journal.ts'

export const PHASES = [
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
 * The phases up to SWITCH of a deploy of `branch` over the live release `former`. A restart runs the
 * checkout that is live, so that it neither builds nor migrates.
 */
export function planDeploy(kind: DeployKind, branch: BranchConfig, former: Release | undefined): PhaseName[] {
  const builds = kind !== 'restart'
  const maintenance = builds && branch.hooks.maintenance !== undefined
  const needed: Record<PhaseName, boolean> = {
    checkout: builds,
    before_build: builds && branch.hooks.before_build !== undefined,
    build: builds,
    after_build: builds && branch.hooks.after_build !== undefined,
    release: true,
    maintenance,
    stop_first: !maintenance && former !== undefined && stopFirst(branch, former).length > 0,
    start: true,
    healthy: true,
    nginx: true,
    switch: true,
  }
  return PHASES.filter((name) => needed[name])
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
