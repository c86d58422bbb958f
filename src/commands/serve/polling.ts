/** Looks at the sources of branches at the times of their schedules, for as long as the daemon runs. */
import { setTimeout as delay } from 'node:timers/promises'
import { nextTime } from '../../config/schedule.ts'
import type { BranchConfig } from '../../config/types.ts'
import type { Context } from '../../context.ts'
import { messageOf, PypaasError } from '../../errors.ts'
import { pullBranch } from '../../pull/branch.ts'
import type { BranchRef } from '../../paths.ts'
import { clearTrouble, noteTrouble } from '../../pull/trouble.ts'
import { silent, type Output } from '../../system/output.ts'

/** Milliseconds between two looks at the configuration, if no source is due before. */
const LOOK = 10_000
/** Sources that are looked at at once; others wait. */
const PARALLEL = 4

export interface PollingOptions {
  /** The context with the configuration as it is by now. */
  readonly reopen: () => Promise<Context>
  /** argv that starts pypaas on this home. */
  readonly self: readonly string[]
  readonly settleLater: (ref: BranchRef) => void
  /** Gets the output of every deploy. */
  readonly watch: Output | undefined
  /** Ends it; a deploy at work is cancelled if it is not live yet. */
  readonly signal: AbortSignal
}

/** A branch with a source. */
interface Polled {
  readonly remote: string
  readonly schedule: string | undefined
  due: Date
  /** What went wrong at the last look; told once. */
  trouble: string | undefined
}

/** Resolves when the signal has come and no look is at work any more. */
export async function pollSources({ signal, reopen, ...options }: PollingOptions): Promise<void> {
  const polled = new Map<string, Polled>()
  const working = new Map<string, Promise<void>>()
  let wake = new AbortController()
  let ctx = await reopen()
  while (!signal.aborted) {
    const branches = sourcesOf(ctx)
    for (const key of polled.keys()) if (!branches.has(key)) polled.delete(key)
    for (const [key, branch] of branches) {
      const entry = entryOf(polled, key, branch, ctx.now())
      const isDue = entry.due <= ctx.now() && !working.has(key) && working.size < PARALLEL
      if (!isDue) continue
      const work = poll(ctx, branch, entry, { ...options, signal }).finally(() => {
        working.delete(key)
        entry.due = nextTime(entry.schedule, ctx.now())
        wake.abort()
      })
      working.set(key, work)
    }
    const idle = [...polled].filter(([key]) => !working.has(key)).map(([, { due }]) => due.getTime())
    const next = working.size >= PARALLEL ? Infinity : Math.min(...idle)
    const pause = Math.max(0, Math.min(LOOK, next - ctx.now().getTime()))
    const stop = (): void => wake.abort()
    signal.addEventListener('abort', stop, { once: true })
    if (!signal.aborted) await delay(pause, undefined, { signal: wake.signal }).catch(() => {})
    signal.removeEventListener('abort', stop)
    wake = new AbortController()
    // While the configuration cannot be read, the one that was there before stands.
    ctx = await reopen().catch(() => ctx)
  }
  await Promise.all(working.values())
}

function sourcesOf(ctx: Context): Map<string, BranchConfig> {
  const branches = [...ctx.config.repos.values()].flatMap((repo) => [...repo.branches.values()])
  return new Map(
    branches
      .filter(({ source }) => source !== undefined)
      .map((branch) => [JSON.stringify([branch.repo, branch.branch]), branch]),
  )
}

/** A source that is new, or has another schedule, is looked at now. */
function entryOf(polled: Map<string, Polled>, key: string, { source }: BranchConfig, now: Date): Polled {
  const former = polled.get(key)
  const remote = source?.remote.shown ?? ''
  const schedule = source?.schedule
  if (former?.remote === remote && former.schedule === schedule) return former
  const entry = { remote, schedule, due: now, trouble: undefined }
  polled.set(key, entry)
  return entry
}

/** Never throws: what goes wrong is logged, and tried again at the next time. */
async function poll(
  ctx: Context,
  branch: BranchConfig,
  entry: Polled,
  { self, settleLater, watch = silent, signal }: Omit<PollingOptions, 'reopen'>,
): Promise<void> {
  const ref = { repo: branch.repo, branch: branch.branch }
  try {
    const outcome = await pullBranch(ctx, branch, { self, output: watch, signal })
    if (outcome === 'updated') {
      ctx.log.info({ ...ref, remote: entry.remote }, 'pulled and deployed')
      settleLater(ref)
    }
    entry.trouble = undefined
    if (outcome !== 'waiting') await clearTrouble(ctx, ref)
  } catch (error) {
    const trouble = messageOf(error)
    // A remote that is away for a night is no news every minute.
    if (signal.aborted || trouble === entry.trouble) return
    entry.trouble = trouble
    await noteTrouble(ctx, ref, entry.remote, error).catch(() => {})
    const hint = error instanceof PypaasError && error.hint !== undefined ? { hint: error.hint } : {}
    ctx.log.warn({ ...ref, remote: entry.remote, error: trouble, ...hint }, 'a source has not been deployed')
  }
}
