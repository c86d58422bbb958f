/**
 * Puts a set of nginx's files in force: staged, tested, swapped, or the former one stays. The caller holds
 * `nginx.lock` from staging to activation, since a set is about all branches.
 */
import type { Context } from '../context.ts'
import { messageOf, PypaasError } from '../errors.ts'
import type { BranchRef } from '../paths.ts'
import { writeBasis, type Basis } from './basis.ts'
import { isServing, loadSet, switchPorts, testSet } from './control.ts'
import type { PortMap } from './dictionary.ts'
import { usesLua } from './main-config.ts'
import { complaintOf, mistakesOf, type Mistake } from './mistake.ts'
import { SHARED_FILE, type NginxFile, type NginxFiles } from './render.ts'
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
  setDirectory,
  setInForce,
  swing,
  writeSet,
  type StoredSet,
} from './sets.ts'

/** A domain that nginx refuses: it stays as it was, or is left out if there was nothing. */
export interface Blocked {
  readonly domain: string
  /** The branches of its locations. */
  readonly refs: readonly BranchRef[]
  /** nginx's words, and the file and key of the configuration that they are about. */
  readonly reason: string
}

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

interface TestedSet {
  readonly name: string
  readonly files: ReadonlyMap<string, NginxFile>
  readonly blocked: readonly Blocked[]
  /** The host's main configuration file, in mode `system`. */
  readonly main: string | undefined
}

type Texts = ReadonlyMap<string, NginxFile>

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

/** Writes and tests the set; files that nginx refuses are replaced by their former version, or left out. */
async function testedSet(ctx: Context, wanted: Texts, inForce: StoredSet | undefined): Promise<TestedSet> {
  const files = new Map(wanted)
  const refused = new Map<string, string>()
  for (;;) {
    const texts = new Map([...files].map(([name, { text }]) => [name, text]))
    const name = await writeSet(ctx.paths, texts, inForce)
    try {
      const { words, main } = await testSet(ctx, name)
      if (words === undefined) return { name, files, blocked: blockedDomains(ctx, wanted, refused), main }
      for (const { file, reason } of blamed(words, setDirectory(ctx.paths, name), ctx, files)) {
        if (!refused.has(file)) refused.set(file, reason)
        const former = inForce?.files.get(file)
        const present = files.get(file)
        if (present === undefined) continue
        if (former === undefined || former === present.text) files.delete(file)
        else files.set(file, { ...present, text: former })
      }
      await removeSet(ctx.paths, name)
    } catch (error) {
      await removeSet(ctx.paths, name)
      throw error
    }
  }
}

/** @throws PypaasError if it is not the mistake of single files */
function blamed(words: readonly string[], tested: string, ctx: Context, files: Texts): Mistake[] {
  const complaint = complaintOf(words)
  // The host's nginx reads the set through the link.
  const mistakes =
    complaint === undefined
      ? []
      : [tested, ctx.paths.nginxFiles].flatMap((directory, at) =>
          at > 0 && complaint.file === undefined ? [] : mistakesOf(complaint, directory, files),
        )
  const shared = mistakes.find(({ file }) => file === SHARED_FILE)
  if (mistakes.length > 0 && shared === undefined) return mistakes
  const place = complaint?.file === undefined ? '' : ` in ${complaint.file}:${complaint.line}`
  const reason = shared?.reason ?? `${complaint?.message ?? words.at(-1) ?? 'it gives no reason'}${place}`
  throw new PypaasError('failed', `nginx refuses its configuration: ${reason}`, {
    hint: 'nothing was changed; correct what it names, then try again',
    output: words,
  })
}

/** What is refused, by domain: for the upstreams of a branch, every domain that uses them. */
function blockedDomains(ctx: Context, wanted: Texts, refused: ReadonlyMap<string, string>): Blocked[] {
  const blocked = new Map<string, Blocked>()
  for (const [name, reason] of refused) {
    const file = wanted.get(name)
    if (file === undefined) continue
    const { domain, refs } = file
    const domains =
      domain === undefined
        ? [...wanted.values()].filter(
            (other) => other.domain !== undefined && refs.some((ref) => has(other, ref)),
          )
        : [file]
    if (domains.length === 0)
      ctx.log.warn({ file: name, reason }, 'nginx refuses a file, which is left as it was')
    for (const each of domains) {
      const key = each.domain ?? ''
      if (!blocked.has(key)) blocked.set(key, { domain: key, refs: each.refs, reason })
    }
  }
  return [...blocked.values()]
}

function has({ refs }: NginxFile, { repo, branch }: BranchRef): boolean {
  return refs.some((ref) => ref.repo === repo && ref.branch === branch)
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
