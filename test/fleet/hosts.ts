/** Contexts of several hosts of one fleet. */
import type { FleetConfig, MainConfig } from '../../src/config/types.ts'
import type { Context } from '../../src/context.ts'
import { mainConfig, testContext } from '../support/context.ts'

/** A host of the fleet whose turns are at `lock`. */
export function fleetHost(
  host: string,
  lock: FleetConfig['lock'],
  settings: Partial<FleetConfig> = {},
  main: Partial<MainConfig> = {},
): Promise<Context> {
  const fleet: FleetConfig = { host, lock, maxUnavailable: 1, turnTimeout: 60, ...settings }
  return testContext({ main: mainConfig({ ...main, fleet }) })
}
