/** The phases by name; their order is in `plan.ts`. */
import type { PhaseName } from '../plan.ts'
import { build, hookPhase } from './build.ts'
import { checkout } from './checkout.ts'
import { maintenance } from './maintenance.ts'
import type { Phase } from './phase.ts'
import { preflight } from './preflight.ts'
import { release } from './release.ts'
import { healthy, start } from './start.ts'
import { stopFirstPhase } from './stop-first.ts'
import { nginx, switchPhase } from './switch.ts'

export const phases: Record<PhaseName, Phase> = {
  preflight,
  checkout,
  before_build: hookPhase('before_build'),
  build,
  after_build: hookPhase('after_build'),
  release,
  maintenance,
  stop_first: stopFirstPhase,
  start,
  healthy,
  nginx,
  switch: switchPhase,
}
