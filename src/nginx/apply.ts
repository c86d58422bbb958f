/**
 * Puts a set of nginx's files in force: staged, tested, swapped, or the former one stays. The caller holds
 * `nginx.lock` from staging to activation, since a set is about all branches.
 */
import type { Context } from '../context.ts'
import { messageOf } from '../errors.ts'
import { writeBasis, type Basis } from './basis.ts'
import { isServing, loadSet, switchPorts } from './control.ts'
import type { PortMap } from './dictionary.ts'
import { usesLua } from './main-config.ts'
import type { NginxFile, NginxFiles } from './render.ts'
import { makeSwitchDirectory, readSeed, stageSeed, tellSeed, type StagedSeed } from './seed.ts'
import {
  formerOf,
  keepOnly,
  loadedSet,
  noteLoaded,
  putBack,
  readSet,
  recoverForce,
  removeSet,
  setInForce,
  swing,
  type StoredSet,
} from './sets.ts'
import { testedSet, type Blocked, type TestedSet, type Texts } from './tested-set.ts'

export interface Activation {
  /** The workers that served before; empty if nothing was reloaded. */
  readonly oldWorkers: readonly number[]
}

/** A set that has passed its test. One of its two functions is called, once. */
export interface Staged {
  /** False: what is in force is the same already. */
  readonly changed: boolean
  readonly blocked: readonly Blocked[]
  /**
   * Puts the set in force and makes nginx load it.
   * @throws PypaasError if nginx does not; the former set is in force again
   */
  activate(): Promise<Activation>
  discard(): Promise<void>
}

/**
 * Prepares a set and tests it. What nginx serves does not change.
 * @throws PypaasError in nginx's words if it refuses something that is not of one domain or branch
 */
export async function stageNginx(ctx: Context, rendered: NginxFiles, basis?: Basis): Promise<Staged> {
  const { paths } = ctx
  const { ports } = rendered
  if (ports !== undefined) await makeSwitchDirectory(ctx)
  await recoverForce(paths)
  const name = await setInForce(paths)
  const inForce = name === undefined ? undefined : await readSet(paths, name)
  await keepOnly(paths, name)
  const wanted = withKept(rendered, inForce)
  const loaded = inForce !== undefined && (await loadedSet(paths)) === inForce.name
  if (loaded && isSame(wanted, inForce) && (await isServing(ctx))) {
    return noting(ctx, basis, await portsAlone(ctx, ports, []))
  }

  const tested = await testedSet(ctx, wanted, inForce)
  if (loaded && isSame(tested.files, inForce)) {
    await removeSet(paths, tested.name)
    return portsAlone(ctx, ports, tested.blocked)
  }
  const seed = ports && (await stageSeed(ctx, ports, await readSeed(ctx)))
  return noting(ctx, basis, {
    changed: true,
    blocked: tested.blocked,
    activate: () => activate(ctx, tested, seed),
    async discard() {
      await removeSet(paths, tested.name)
      await seed?.discard()
    },
  })
}

/** Once it is in force, deploys may ask what it was made of. */
function noting(ctx: Context, basis: Basis | undefined, staged: Staged): Staged {
  if (basis === undefined || staged.blocked.length > 0) return staged
  return {
    ...staged,
    async activate() {
      const activation = await staged.activate()
      // Being noted is a matter of speed only.
      await writeBasis(ctx, basis).catch(() => {})
      return activation
    },
  }
}

/** The files are right; the ports may be others. */
async function portsAlone(
  ctx: Context,
  ports: PortMap | undefined,
  blocked: readonly Blocked[],
): Promise<Staged> {
  if (ports === undefined) return unchanged(blocked)
  const seed = await stageSeed(ctx, ports, await readSeed(ctx))
  return {
    ...unchanged(blocked),
    changed: seed.changed,
    activate: () => switchPorts(ctx, seed, () => tellSeed(ctx)),
    discard: () => seed.discard(),
  }
}

async function tellIfServing(ctx: Context): Promise<void> {
  if (await isServing(ctx)) await tellSeed(ctx)
}

function unchanged(blocked: readonly Blocked[]): Staged {
  return {
    changed: false,
    blocked,
    activate: () => Promise.resolve({ oldWorkers: [] }),
    discard: () => Promise.resolve(),
  }
}

/** Adds the files of domains whose configuration cannot be read at present. */
function withKept({ files, kept }: NginxFiles, inForce: StoredSet | undefined): Map<string, NginxFile> {
  const all = new Map(files)
  for (const name of kept) {
    const text = inForce?.files.get(name)
    if (text !== undefined && !all.has(name)) all.set(name, { text, domain: undefined, refs: [] })
  }
  return all
}

function isSame(files: Texts, stored: StoredSet): boolean {
  return (
    files.size === stored.files.size &&
    [...files].every(([name, { text }]) => stored.files.get(name) === text)
  )
}

async function activate(
  ctx: Context,
  { name, main }: TestedSet,
  seed: StagedSeed | undefined,
): Promise<Activation> {
  const { paths } = ctx
  const former = await formerOf(paths)
  try {
    // nginx reads the seed for upstreams that it does not know yet; of those that it knows, it is told after that.
    await seed?.commit()
    await seed?.settle()
    await swing(paths, name)
    const oldWorkers = await loadSet(ctx, main)
    if (seed !== undefined) await tellIfServing(ctx)
    if (oldWorkers !== undefined) await noteLoaded(paths, name)
    await keepOnly(paths, name)
    return { oldWorkers: oldWorkers ?? [] }
  } catch (error) {
    await putBack(paths, former)
    await removeSet(paths, name)
    await seed?.putBack()
    // The master may have read the new files and kept the old; now both agree again.
    try {
      await loadSet(ctx, main)
      if (await usesLua(paths.nginxFiles)) await tellIfServing(ctx)
    } catch (again) {
      ctx.log.error({ reason: messageOf(again) }, 'nginx did not reload its former configuration')
    }
    throw error
  }
}
