/** Pulls a branch with a source: what is new there is deployed, through the pipeline of every deploy. */
import type { Remote } from '../config/remote.ts'
import type { BranchConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import { frozen } from '../deploy/freeze.ts'
import { messageOf, PypaasError, systemFailure, type ErrorCode } from '../errors.ts'
import { takeTurn, type Turn } from '../fleet/turn.ts'
import { joinNames } from '../names.ts'
import type { BranchRef } from '../paths.ts'
import type { Release } from '../release.ts'
import { withLock, type LockOptions } from '../system/lock.ts'
import type { Output } from '../system/output.ts'
import { liveRelease, liveReleaseName } from '../system/state.ts'
import { sourceOf } from './app-tree.ts'
import { clearKilledPull, markedForPull, noteBegun, noteOver } from './begun.ts'
import { deployCommit, deployTree, finishTree } from './branch-deploy.ts'
import type { Look, News, Version } from './look.ts'
import { prunePullCache } from './prune.ts'
import { failedAgain, isDue, isSameVersion, readPulled, writePulled, type Pulled } from './pulled.ts'
import { identityOf, lookAt } from './remote.ts'
import { liveVersion, reportRelease } from './fleet-report.ts'
import { rollOf } from './roll.ts'

export interface BranchRun {
  /** argv that starts pypaas on this home. */
  readonly self: readonly string[]
  readonly output: Output
  /** Cancels until SWITCH. */
  readonly signal: AbortSignal
  /** Asked for by hand: what could not be deployed a short while ago is tried, too. */
  readonly again?: boolean
}

/** `waiting`: there may be something new, but the branch is frozen, or it failed a short while ago. */
export type BranchOutcome = 'updated' | 'unchanged' | 'waiting'

/** A branch that is looked at. */
interface Pull extends BranchRun {
  readonly ctx: Context
  readonly branch: BranchConfig
  readonly ref: BranchRef
  readonly remote: Remote
  readonly pulled: Pulled
}

/**
 * Looks at the source of a branch, and deploys what is new. Ending the former release is left to `settle`.
 * @throws PypaasError `usage` for a branch without a source; `busy` if somebody else is at it, or it is not this
 *   host's turn; `failed` if the source cannot be reached or the deploy fails; `cancelled`
 */
export async function pullBranch(ctx: Context, branch: BranchConfig, run: BranchRun): Promise<BranchOutcome> {
  const ref = { repo: branch.repo, branch: branch.branch }
  if (branch.source === undefined) {
    throw new PypaasError('usage', `${ref.repo} ${ref.branch} has no source to be pulled from`, {
      hint: `push to it, or give it \`source: {remote: …}\` in repos/${ref.repo}.yml`,
    })
  }
  const { remote } = branch.source
  if (run.again !== true && (await frozen(ctx, ref)) !== undefined) return 'waiting'
  const options: LockOptions = {
    what: `pull of ${ref.repo} ${ref.branch} from ${remote.shown}`,
    now: ctx.now(),
    // Who asks by hand wants an answer; the daemon comes again.
    wait: run.again === true ? undefined : 0,
    onWait: (holder) => run.output.line(`waiting for the ${holder?.what ?? 'look of another process'}`),
    signal: run.signal,
  }
  try {
    return await withLock(ctx.paths.pullLock(ref), options, async () => {
      await clearKilledPull(ctx, ref)
      const former = await readPulled(ctx, ref)
      const shown = identityOf(remote)
      const pulled = former?.remote === shown ? former : { remote: shown }
      try {
        return await pull({ ctx, branch, ref, remote, pulled, ...run })
      } finally {
        await noteOver(ctx, ref)
      }
    })
  } catch (error) {
    throw systemFailure(error) ?? error
  }
}

async function pull(at: Pull): Promise<BranchOutcome> {
  const { ctx, ref, pulled } = at
  const live = await liveRelease(ctx.paths, ref)
  // What was deployed is not deployed again, whatever became of it; but something has to be live.
  const look = await lookAtSource(at, live === undefined ? undefined : pulled.version)
  if ('same' in look) {
    await noteVersion(at, look.same)
    // Of what has failed since, the fleet has been told. A version that was taken back is another matter.
    if (live !== undefined && !isSameVersion(pulled.failed?.version, look.same)) {
      await reportRelease(ctx, rollOf(at.remote, ref), live)
    }
    return 'unchanged'
  }
  const { news } = look
  if (at.again !== true && !isDue(pulled.failed, news.version, ctx.now())) return 'waiting'
  if (live !== undefined && isLive(at.remote, news, live)) {
    // A pull was killed before it could tell the app.
    if (isSameVersion(pulled.begun, news.version)) await finishTree(ctx, at.branch, at.remote, news, live, at)
    await noteVersion(at, news.version)
    await news.settled()
    await reportRelease(ctx, rollOf(at.remote, ref), live)
    return 'unchanged'
  }
  const { signal, output } = at
  const turn = await takeTurn(
    ctx,
    { ...rollOf(at.remote, ref), version: news.name },
    { live: live === undefined ? undefined : liveVersion(live), signal, output },
  )
  try {
    await deployNews(at, news, turn)
  } finally {
    // Nothing, if it has succeeded or failed.
    await turn.release()
  }
  return 'updated'
}

async function lookAtSource(at: Pull, known: Version | undefined): Promise<Look> {
  const { remote, output, signal } = at
  const ctx = markedForPull(at.ctx, at.ref)
  const begin = (): void => noteBegun(ctx, at.ref)
  const owner = joinNames(at.ref.repo, at.ref.branch)
  if (!isCommit(remote))
    return lookAt(ctx, remote, { known, cache: ctx.paths.pullCache, owner, output, signal, begin })
  const { lookAtCommit } = await import('./git.ts')
  const { ensureRepository } = await import('../git/repository.ts')
  const repo = ctx.config.repos.get(at.ref.repo)
  if (repo === undefined) throw new PypaasError('config', `there is no repo ${at.ref.repo}`)
  return lookAtCommit(ctx, remote, await ensureRepository(ctx, repo, at.self), { known, signal, begin })
}

/** A repository as a whole: its commits are taken into ours, and deployed as those that are pushed. */
function isCommit(remote: Remote): remote is Remote & { readonly kind: 'git' } {
  return remote.kind === 'git' && remote.directory === ''
}

/** Brought by somebody else, or by a pull that was killed before it could note it. */
function isLive(remote: Remote, news: News, { commit, source }: Release): boolean {
  return isCommit(remote) ? source === undefined && commit === news.commit : source === sourceOf(remote, news)
}

async function deployNews(at: Pull, news: News, turn: Turn): Promise<void> {
  const { ctx, ref, pulled, remote } = at
  const done = { remote: pulled.remote, version: news.version }
  let released: string | undefined
  noteBegun(ctx, ref)
  if (!isCommit(remote)) await writePulled(ctx, ref, { ...pulled, begun: news.version })
  try {
    const run = { output: at.output, signal: turn.signal }
    released = isCommit(remote)
      ? await deployCommit(ctx, at.branch, news, run)
      : await deployTree(ctx, at.branch, remote, news, run)
    await writePulled(ctx, ref, done)
    await news.settled()
    await prunePullCache(ctx.paths.pullCache, ctx.now())
    await staysLive(at, released)
  } catch (error) {
    // Neither its fault nor the version's: frozen, locked, asked to end, the turn is lost.
    if (hasCode(error, 'busy') || turn.signal.aborted) throw error
    const failed = failedAgain(pulled.failed, news.version, ctx.now())
    await writePulled(ctx, ref, { ...(released === undefined ? pulled : done), failed })
    if (!hasCode(error, 'cancelled')) await turn.failed(messageOf(error))
    throw error
  }
  await turn.succeeded()
}

/**
 * In a fleet the next host begins only when this one has ended its former release, and the new one has been
 * watched for as long as it is to be.
 * @throws PypaasError `failed` if the former release is back
 */
async function staysLive({ ctx, ref, signal }: Pull, release: string): Promise<void> {
  if (ctx.config.main.fleet === undefined) return
  const { settle } = await import('../deploy/settle.ts')
  await settle(ctx, ref, signal)
  if ((await liveReleaseName(ctx.paths, ref)) === release) return
  throw new PypaasError(
    'failed',
    `${ref.repo} ${ref.branch}: the new release ended, and the former one is back`,
    {
      hint: `\`deploys ${ref.repo} ${ref.branch}\` says why`,
    },
  )
}

function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof PypaasError && error.code === code
}

/** Of another version that has failed nothing is kept: the source does not have it any more. */
async function noteVersion({ ctx, ref, pulled }: Pull, version: Version): Promise<void> {
  const { remote, failed = { version } } = pulled
  if (isSameVersion(pulled.version, version) && isSameVersion(failed.version, version)) return
  await writePulled(ctx, ref, { remote, version })
}
