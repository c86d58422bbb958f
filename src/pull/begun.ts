/**
 * Pulls of branches that have begun to fetch and are not over: one small file each, so that every command sees at a
 * glance whether one was killed. What it has left is half a download or tree, or a program that fetches on.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { BUILD_MARK } from '../environment.ts'
import { messageOf } from '../errors.ts'
import type { BranchRef } from '../paths.ts'
import { readIfThere } from '../system/files.ts'
import { isHolderAtWork, tryLock } from '../system/lock.ts'
import { endMarked } from '../system/marked.ts'
import { removeOrphans } from '../system/orphans.ts'
import { listDirectory } from '../system/state.ts'

/** From here on, being killed leaves something. */
export function noteBegun({ paths }: Context, { repo, branch }: BranchRef): void {
  mkdirSync(paths.pulls, { recursive: true, mode: 0o700 })
  writeFileSync(paths.pullNote({ repo, branch }), JSON.stringify({ repo, branch }))
}

export async function noteOver({ paths }: Context, ref: BranchRef): Promise<void> {
  await rm(paths.pullNote(ref), { force: true })
}

/** The context for programs that a pull runs by itself, marked so that they are found. Not for the deploy in it. */
export function markedForPull(ctx: Context, ref: BranchRef): Context {
  return { ...ctx, baseEnv: { ...ctx.baseEnv, [BUILD_MARK]: ctx.paths.pullNote(ref) } }
}

/** Clears away what a killed pull of the branch has left. The caller holds the lock of its pulls. */
export async function clearKilledPull(ctx: Context, ref: BranchRef): Promise<void> {
  const { paths } = ctx
  if ((await readIfThere(paths.pullNote(ref))) === undefined) return
  await endMarked(paths.pullNote(ref))
  for (const directory of [paths.pullCache, paths.checkoutsOf(ref), paths.stateOf(ref), paths.repos]) {
    await removeOrphans(directory)
  }
  await noteOver(ctx, ref)
  ctx.log.warn({ ...ref }, 'cleared away what a pull that was killed had left')
}

/** The same for all branches; those that somebody is at are left alone. What cannot be cleared away is logged. */
export async function clearKilledPulls(ctx: Context): Promise<void> {
  for (const file of await listDirectory(ctx.paths.pulls)) {
    const ref = refIn(await readIfThere(join(ctx.paths.pulls, file)))
    if (ref === undefined || (await isHolderAtWork(ctx.paths.pullLock(ref)))) continue
    try {
      const held = await tryLock(ctx.paths.pullLock(ref), { what: 'recovery', now: ctx.now() })
      if (held === undefined) continue
      try {
        await clearKilledPull(ctx, ref)
      } finally {
        await held.release()
      }
    } catch (error) {
      ctx.log.error({ ...ref, error: messageOf(error) }, 'what a pull had left could not be cleared away')
    }
  }
}

/** Undefined: it has gone meanwhile, or is being written. */
function refIn(text: string | undefined): BranchRef | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as BranchRef)
  } catch {
    return undefined
  }
}
