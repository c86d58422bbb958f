/** What a type of runner is: the facets in which the types differ. One file a type beside this one. */
import type { RunnerConfig } from '../config/types.ts'

export interface RunnerType<C extends RunnerConfig> {
  readonly type: C['type']
  /** How many ports a release needs for it: one a process, or none. */
  portCount(config: C): number
  /** What one of its processes gets in its environment beyond the branch's `env`. */
  processEnv(config: C, port: number | undefined): Record<string, string>
  /** How nginx answers with it. Undefined: not at all. */
  serving(config: C): Serving | undefined
}

/** How nginx answers with a runner: by passing requests to its processes, or from files of the checkout. */
export type Serving =
  | {
      readonly kind: 'proxy'
      readonly protocol: 'http' | 'uwsgi'
      /** nginx text for its upstream block. */
      readonly upstreamConfig: string
      /** Appended to the upstream's address. */
      readonly path: string
    }
  | {
      readonly kind: 'files'
      /** Below the checkout; empty: the checkout. */
      readonly subdirectory: string
    }
