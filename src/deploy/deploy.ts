/** One deploy at work: what it is about, and what its phases have made so far. */
import type { BranchConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import type { Target } from '../environment.ts'
import type { Staged } from '../nginx/apply.ts'
import type { ReleaseRef } from '../paths.ts'
import type { Release } from '../release.ts'
import type { Lock } from '../system/lock.ts'
import type { Output } from '../system/output.ts'
import type { DeployKind } from './journal.ts'
import type { Meanwhile } from './meanwhile.ts'
import type { Report } from './report.ts'

/** What is to be deployed, and for whom. */
export interface Order {
  readonly kind: DeployKind
  /** Configured, or for a rollback as the release had it that is gone back to. */
  readonly branch: BranchConfig
  readonly commit: string
  readonly subject: string
  /** Name of the key, or of the local user. */
  readonly by: string
  /**
   * A checkout that is built already, the release that is gone back to, and where the files came from. Undefined: a
   * new one is made.
   */
  readonly built?: {
    readonly checkout: string
    readonly origin?: string | undefined
    readonly source?: string | undefined
  }
  /** Files that are no commit of the repository. Undefined: the commit is checked out. */
  readonly tree?: Tree
  /** For the journal (`git push -o message=…`). */
  readonly message?: string
  /** Everything up to SWITCH, and then back. */
  readonly dryRun?: boolean
  /** Nothing of former builds is reused. */
  readonly noCache?: boolean
}

/** Files from elsewhere, unpacked already: an artifact, or what was pulled. */
export interface Tree {
  /** Directory on the file system of the checkouts; the deploy takes it and leaves nothing there. */
  readonly path: string
  /** Where it came from, for example `artifact:shop/master@1.2.3` or a URL without credentials. */
  readonly source: string
  /** It was built elsewhere: no builder runs, nor the `build` hook in their place. */
  readonly built: boolean
  /** Done in the place of the builders of a built tree; ends its programs on the signal. */
  prepare?(ctx: Context, checkout: Target, output: Output, signal: AbortSignal): Promise<void>
}

/** Where the files of an order come from, if they are no commit of the repository. */
export function sourceOf({ tree, built }: Pick<Order, 'tree' | 'built'>): string | undefined {
  return tree?.source ?? built?.source
}

/** What undoing needs: all of it is known again after a crash. */
export interface Undoable {
  readonly ctx: Context
  /** The release that the deploy makes; its name is the deploy's id. */
  readonly ref: ReleaseRef
  /** Whether the deploy made a checkout of its own. */
  readonly builds: boolean
  /** The live release when the deploy began. */
  readonly former: Release | undefined
  readonly report: Report
  /** nginx's files between their test and SWITCH. After a crash the next staging removes them. */
  staged: Staged | undefined
  /** Held from staging to SWITCH, so that two branches do not stage past each other. */
  nginxLock: Lock | undefined
}

export interface Deploy extends Undoable {
  readonly order: Order
  readonly signal: AbortSignal
  /** Name of the checkout: the release's own, or the live one's for a restart. */
  readonly checkout: string
  /** The checkout with the environment of the branch, for builds and hooks. */
  readonly target: Target
  readonly meanwhile: Meanwhile
  /** By runner, claimed by the phase `preflight`. */
  ports: ReadonlyMap<string, readonly number[]>
  /** Made by the phase `release`. */
  release: Release | undefined
}
