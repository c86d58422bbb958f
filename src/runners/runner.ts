/** What a type of runner is: the facets in which the types differ. One file a type beside this one. */
import type { RunnerConfig } from '../config/types.ts'

export interface RunnerType<C extends RunnerConfig> {
  readonly type: C['type']
  /** How many ports a release needs for it: one a process, or none. */
  portCount(config: C): number
  /** What one of its processes gets in its environment beyond the branch's `env`. */
  processEnv(config: C, port: number | undefined): Record<string, string>
}
