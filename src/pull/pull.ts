/**
 * One update of `LOCAL/current`: look, fetch, pre hooks, exchange, post hooks. Until the exchange it can be undone
 * without a trace; after it, it is finished, or taken back if a post hook says so.
 */
import { mkdir } from 'node:fs/promises'
import type { Context } from '../context.ts'
import { messageOf, PypaasError, systemFailure } from '../errors.ts'
import { takeTurn, type Turn } from '../fleet/turn.ts'
import { withLock } from '../system/lock.ts'
import type { Output } from '../system/output.ts'
import {
  currentTree,
  exchange,
  nameTree,
  placesOf,
  pruneTrees,
  removeTree,
  sweepPlaces,
  takeOver,
  treeNamed,
  writeTreeRecord,
  type Places,
  type Tree,
  type TreeRecord,
} from './exchange.ts'
import { reportTree } from './fleet-report.ts'
import { runHookDirectory } from './hook-directory.ts'
import type { News } from './look.ts'
import { prunePullCache } from './prune.ts'
import { putInPlace } from './put-in-place.ts'
import { identityOf, lookAt } from './remote.ts'
import { rollOf } from './roll.ts'
import type { PullSettings } from './settings.ts'

export interface PullRun {
  readonly output: Output
  /** Undoes the update until the exchange; then it is finished. */
  readonly signal: AbortSignal
}

export type Outcome = 'updated' | 'unchanged'

/** One update at work. */
interface Update extends PullRun {
  readonly ctx: Context
  readonly settings: PullSettings
  readonly places: Places
}

/**
 * Brings `LOCAL/current` to what the remote is at.
 * @throws PypaasError `busy` if a pre hook, another pull or the fleet does not let it; `failed`; `cancelled`
 */
export async function pullOnce(ctx: Context, settings: PullSettings, run: PullRun): Promise<Outcome> {
  const places = placesOf(settings.local)
  const what = `pull of ${settings.remote.shown}`
  try {
    return await withLock(places.lock, { what, now: ctx.now(), wait: 0, signal: run.signal }, () =>
      bringUpToDate({ ctx, settings, places, ...run }),
    )
  } catch (error) {
    throw systemFailure(error) ?? error
  }
}

async function bringUpToDate(update: Update): Promise<Outcome> {
  const { ctx, settings, places, output, signal } = update
  await mkdir(places.trees, { recursive: true })
  await sweepPlaces(places)
  if (await takeOver(places, await nameTree(places, ctx.now(), 'taken-over'))) {
    output.line(`took over ${places.current}: it is a link to a tree of its own from now on`)
  }
  const current = await finishFormer(update)
  const remote = identityOf(settings.remote)
  const known = current?.record?.remote === remote ? current.record : undefined
  const { cache, keys } = settings
  const look = await lookAt(ctx, settings.remote, {
    known: known?.version,
    cache,
    owner: settings.local,
    keys,
    output,
    signal,
  })
  if ('same' in look) {
    if (current !== undefined && known !== undefined) {
      await noteVersion(places, current, known, look.same)
      await reportTree(ctx, rollOf(settings.remote), known.name)
      // The last update may have been killed when all was done but this.
      await pruneTrees(places, [current.name, known.previous])
    }
    return 'unchanged'
  }
  output.line(`${settings.remote.shown}: ${look.news.name} ${look.news.subject}`)
  const turn = await takeTurn(
    ctx,
    { ...rollOf(settings.remote), version: look.news.name },
    { live: current?.record?.name, output, signal },
  )
  try {
    await changeTo(update, look.news, current, turn)
  } finally {
    // Nothing, if it has succeeded or failed.
    await turn.release()
  }
  return 'updated'
}

async function changeTo(update: Update, news: News, current: Tree | undefined, turn: Turn): Promise<void> {
  const { ctx, settings, places } = update
  const name = await nameTree(places, ctx.now(), news.name)
  const { previous, ...record } = {
    remote: identityOf(settings.remote),
    version: news.version,
    name: news.name,
    previous: current?.name,
    settled: false,
  }
  const fresh: Tree & { record: TreeRecord } = {
    name,
    path: places.tree(name),
    record: previous === undefined ? record : { ...record, previous },
  }
  await putInPlace(ctx, fresh.path, (directory) => news.place(directory))
  try {
    await runBefore({ ...update, signal: turn.signal }, fresh, current)
    await writeTreeRecord(places, name, fresh.record)
    if (turn.signal.aborted) throw new PypaasError('cancelled', 'the update was cancelled')
    await exchange(places, name)
  } catch (error) {
    await removeTree(places, name)
    throw error
  }
  try {
    await runAfter(update, fresh, current)
  } catch (error) {
    await turn.failed(messageOf(error))
    throw error
  }
  await news.settled()
  await prunePullCache(settings.cache, ctx.now())
  await turn.succeeded()
}

/** @throws PypaasError `busy` if a hook does not let the update happen */
async function runBefore(update: Update, fresh: Tree, current: Tree | undefined): Promise<void> {
  try {
    await runHooks(update, 'preHooks', fresh, current, update.signal)
  } catch (error) {
    if (!(error instanceof PypaasError) || error.code !== 'failed') throw error
    throw new PypaasError('busy', `the update is blocked: ${error.message}`, {
      cause: error,
      output: error.output,
      hint: 'it is tried again at the next schedule',
    })
  }
}

/**
 * The post hooks, after the exchange: they are not cut short by a signal.
 * @throws PypaasError `failed` if one fails; the former tree is current again then
 */
async function runAfter(
  update: Update,
  fresh: Tree & { readonly record: TreeRecord },
  former: Tree | undefined,
): Promise<void> {
  const { places, output } = update
  try {
    await runHooks(update, 'postHooks', fresh, former)
  } catch (error) {
    output.line(`${messageOf(error)}; going back`)
    await exchange(places, former?.name)
    if (former !== undefined) await runAgain(update, former, fresh)
    await removeTree(places, fresh.name)
    throw new PypaasError('failed', `the update was reverted: ${messageOf(error)}`, {
      cause: error,
      output: error instanceof PypaasError ? error.output : [],
      hint: 'it is tried again at the next schedule',
    })
  }
  await writeTreeRecord(places, fresh.name, { ...fresh.record, settled: true })
  await pruneTrees(places, [fresh.name, former?.name])
  output.line(`current is ${fresh.name}`)
}

/** Once more, for the tree that is current again: they put back what they had done for the other one. */
async function runAgain(update: Update, former: Tree, failed: Tree): Promise<void> {
  try {
    await runHooks(update, 'postHooks', former, failed)
  } catch (error) {
    update.output.line(`after going back, ${messageOf(error)}`)
  }
}

/** An update that was killed after its exchange is finished, or taken back, before anything else. */
async function finishFormer(update: Update): Promise<Tree | undefined> {
  const { places, output } = update
  const current = await currentTree(places)
  if (current?.record === undefined || current.record.settled) return current
  const { previous } = current.record
  output.line(`finishing the update to ${current.name}, which was cut short`)
  const former = previous === undefined ? undefined : await treeNamed(places, previous)
  await runAfter(update, { ...current, record: current.record }, former)
  return currentTree(places)
}

function runHooks(
  { ctx, settings, output }: Update,
  which: 'preHooks' | 'postHooks',
  current: Tree,
  previous: Tree | undefined,
  signal?: AbortSignal,
): Promise<void> {
  return runHookDirectory(ctx, settings[which], {
    current: current.path,
    previous: previous?.path ?? '',
    cwd: settings.local,
    output,
    signal,
    timeout: ctx.config.main.builds.timeout,
  })
}

async function noteVersion(
  places: Places,
  { name }: Tree,
  known: TreeRecord,
  version: TreeRecord['version'],
): Promise<void> {
  if (JSON.stringify(version) === JSON.stringify(known.version)) return
  await writeTreeRecord(places, name, { ...known, version })
}
