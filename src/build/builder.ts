/** What a builder is, and what it works with. One file a builder beside this one; their order is in `index.ts`. */
import type { Context } from '../context.ts'
import type { Target } from '../environment.ts'
import type { Output } from '../system/output.ts'
import { stream } from '../system/run.ts'

/** Turns a checkout into something runnable. */
export interface Builder {
  readonly name: string
  /** Whether the checkout asks for it, by the files that are there. */
  applies(target: Target): Promise<boolean>
  build(job: BuildJob): Promise<void>
}

/** One build of one checkout. */
export interface BuildJob {
  readonly ctx: Context
  readonly target: Target
  /** The whole environment of the build's programs. */
  readonly env: Readonly<Record<string, string>>
  readonly output: Output
  readonly signal: AbortSignal
  /** False: dependencies are installed anew, and not kept for others. */
  readonly cache: boolean
  readonly shared: SharedTree
}

/** What of the checkout's dependencies is shared with other checkouts; changes while the build goes on. */
export interface SharedTree {
  /** Key of the tree whose files `node_modules` is linked to. */
  nodeModules: string | undefined
}

/** Shows and runs one command of a build in the checkout. */
export async function runStep(job: BuildJob, argv: readonly string[]): Promise<void> {
  const shell = argv[0] === 'sh' && argv[1] === '-c'
  job.output.line(`$ ${argv.slice(shell ? 2 : 0).join(' ')}`)
  await stream(argv, job.output, {
    cwd: job.target.path,
    env: job.env,
    signal: job.signal,
    background: true,
  })
}
