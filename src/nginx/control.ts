/** Testing and loading a set, in each mode of nginx. */
import type { Context } from '../context.ts'
import { messageOf } from '../errors.ts'
import type { Activation } from './apply.ts'
import { testManaged } from './main-config.ts'
import { nginxRunning, reloadManaged } from './managed.ts'
import { tellSeed, type StagedSeed } from './seed.ts'
import { inForceDuring, setDirectory } from './sets.ts'
import { reloadSystem, testSystem, type SystemTest } from './system.ts'

/** What nginx says of a set that is not in force. */
export async function testSet(ctx: Context, name: string): Promise<SystemTest> {
  const { mode } = ctx.config.main.nginx
  if (mode === 'none') return { words: undefined, main: undefined }
  // sudo allows `nginx -t` as it is, so there the set is in force for as long as the test takes.
  if (mode === 'system') return inForceDuring(ctx.paths, name, () => testSystem(ctx))
  return { words: await testManaged(ctx, setDirectory(ctx.paths, name)), main: undefined }
}

/**
 * Makes nginx load what is in force.
 * @param main the host's main configuration file, as its test named it
 * @returns the workers that served before; undefined if there is no nginx to load it
 */
export async function loadSet(
  ctx: Context,
  main: string | undefined,
): Promise<readonly number[] | undefined> {
  const { mode } = ctx.config.main.nginx
  if (mode === 'none') return []
  if (mode === 'system') return reloadSystem(ctx, main)
  const master = await nginxRunning(ctx)
  return master === undefined ? undefined : reloadManaged(ctx, master)
}

/** Puts the staged ports in force alone. If nginx does not take them, the former ones are in force again. */
export async function switchPorts(
  ctx: Context,
  seed: StagedSeed,
  tell: () => Promise<void>,
): Promise<Activation> {
  try {
    await seed.commit()
    // One that has ended starts with the seed.
    if (await isServing(ctx)) await tell()
    // Nobody waits for the disk before nginx routes anew.
    await seed.settle()
    return { oldWorkers: [] }
  } catch (error) {
    await seed.putBack()
    // It may have taken them without our being told.
    await tellSeed(ctx).catch((again: unknown) => {
      ctx.log.error({ reason: messageOf(again) }, 'nginx was not told its former ports')
    })
    throw error
  }
}

/** Whether a running nginx vouches for what is in force; before a start it is tested anew. */
export async function isServing(ctx: Context): Promise<boolean> {
  return ctx.config.main.nginx.mode !== 'managed' || (await nginxRunning(ctx)) !== undefined
}
