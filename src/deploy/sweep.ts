/** Removes what killed processes left half done beside the files of deploys: each temporary name tells whose it is. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { switchPaths } from '../nginx/switching.ts'
import type { BranchRef } from '../paths.ts'
import { finishDelisting } from '../services/enlistment.ts'
import { namesIn } from '../system/files.ts'
import { tryLock } from '../system/lock.ts'
import { orphansIn, removeOrphans } from '../system/orphans.ts'
import { waitingIn } from './queue.ts'
import { looseSettleLocks } from './unfinished.ts'

/** Of a branch and of what all branches share. What a living process is at work on is left alone. */
export async function sweep(ctx: Context, ref: BranchRef): Promise<void> {
  const { paths } = ctx
  const shared = [
    paths.home,
    paths.run,
    switchPaths(paths).directory,
    paths.nginxSets,
    paths.repos,
    paths.trees,
  ]
  const own = [
    paths.stateOf(ref),
    paths.checkoutsOf(ref),
    paths.releases(ref),
    paths.deploys(ref),
    paths.queue(ref),
    paths.servicesRealOf(ref),
  ]
  for (const directory of [...shared, ...own]) await removeOrphans(directory)
  for (const name of await orphansIn(paths.services)) await finishDelisting(join(paths.services, name))
  // Places of those that have gone are given up by looking at the queue.
  await waitingIn(ctx, ref)
  await sweepSettleLocks(ctx)
  await sweepRetireLocks(ctx, ref)
}

/** Of moves that were killed before they were noted: no branch is known of them. */
export async function sweepMoves({ paths }: Context): Promise<void> {
  await removeOrphans(paths.moves)
}

/** Locks of what follows a SWITCH: whoever removes one when his work is done may have been killed just before. */
export async function sweepSettleLocks(ctx: Context): Promise<void> {
  await removeUnheld(ctx, await looseSettleLocks(ctx.paths))
}

/** Locks of releases that have ended, in the same way. */
async function sweepRetireLocks(ctx: Context, ref: BranchRef): Promise<void> {
  const directory = ctx.paths.servicesRealOf(ref)
  const services = await namesIn(directory)
  const retiring = services.filter(
    (name) => name.endsWith('.lock.retire') && !services.includes(name.slice(0, -'.retire'.length)),
  )
  await removeUnheld(
    ctx,
    retiring.map((name) => join(directory, name)),
  )
}

async function removeUnheld(ctx: Context, locks: readonly string[]): Promise<void> {
  for (const path of locks) {
    const held = await tryLock(path, { what: 'recovery', now: ctx.now() })
    if (held === undefined) continue
    await rm(path, { force: true })
    await held.release()
  }
}
