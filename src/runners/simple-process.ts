/** SimpleProcess: processes that nginx does not know of (workers, bots, schedulers). */
import type { SimpleProcessConfig } from '../config/types.ts'
import type { RunnerType } from './runner.ts'

export const simpleProcess: RunnerType<SimpleProcessConfig> = {
  type: 'SimpleProcess',
  portCount: () => 0,
  processEnv: () => ({}),
  serving: () => undefined,
}
