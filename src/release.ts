/** What a release is: a checkout plus the snapshot that it runs with. Types only; kept by `system/state.ts`. */
import type { ProcessRunnerConfig, RunnerConfig } from './config/types.ts'
import type { ReleaseRef } from './paths.ts'

export interface Release extends ReleaseRef {
  /** Name of the directory below `checkouts/<repo>/<branch>/`; a restart makes a new release of the same one. */
  readonly checkout: string
  /** The release whose snapshot this one has again, if it came by a rollback. */
  readonly origin?: string
  /** The full object id; of files that are no commit, that of the commit that they were built from, or a hash. */
  readonly commit: string
  /** First line of the commit's message. */
  readonly subject: string
  /** Where its files come from, if they are no commit of the repository: then the branch's ref says nothing of it. */
  readonly source?: string
  /** Name of the key that pushed, or the local user's name. */
  readonly by: string
  /** ISO 8601, UTC. */
  readonly created: string
  /** The branch's `env` as it was, without PORT. */
  readonly env: Readonly<Record<string, string>>
  /** The branch's runners as they were, with their ports. */
  readonly runners: readonly ReleaseRunner[]
}

export type ReleaseRunner = RunnerConfig & {
  /** One port a process for backends, in the order of the processes; empty for the others. */
  readonly ports: readonly number[]
}

/** One process of a release. */
export interface ReleaseProcess {
  readonly runner: ReleaseRunner & ProcessRunnerConfig
  /** 0 … process_count-1 */
  readonly index: number
  readonly port: number | undefined
}

/** Every process of a release, in the order of its runners. */
export function processesOf(release: Release): ReleaseProcess[] {
  return release.runners.flatMap((runner) =>
    runner.type === 'NginxStatic'
      ? []
      : Array.from({ length: runner.processCount }, (_, index) => ({
          runner,
          index,
          port: runner.ports[index],
        })),
  )
}

/** Every port that a release's processes listen on. */
export function portsOf(release: Release): number[] {
  return release.runners.flatMap((runner) => runner.ports)
}
