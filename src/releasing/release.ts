/** A release of a working copy: tested, its version set, tagged, built, and put where the servers find it; or nothing of it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import type { BuiltArtifact } from '../artifact/assemble.ts'
import { buildArtifact } from '../artifact/build.ts'
import { projectName } from '../artifact/project.ts'
import { checkKey, signFile, verifySignature } from '../artifact/signature.ts'
import type { Context } from '../context.ts'
import { messageOf, PypaasError } from '../errors.ts'
import { lock } from '../system/lock.ts'
import type { Output } from '../system/output.ts'
import { stream } from '../system/run.ts'
import { noteFile, readNote, removeNote, undo, writeNote, type Note } from './note.ts'
import {
  placeOf,
  publish,
  publishedAt,
  refuseTaken,
  wasPublished,
  withdraw,
  type Place,
  type PlaceOptions,
  type Published,
} from './place.ts'
import { planRelease, type ReleasePlan, type Wish } from './plan.ts'
import { buildRemotely } from './remote-build.ts'
import {
  commitEdits,
  createTag,
  isAt,
  moveBranch,
  openWorkingCopy,
  readFacts,
  type WorkingCopy,
} from './working-copy.ts'

export interface ReleaseRequest extends Wish, PlaceOptions {
  /** The directory of the project. */
  readonly cwd: string
  /** The user's environment: git's settings and keys are theirs. */
  readonly env: Readonly<Record<string, string>>
  /** A build server, as ssh(1) takes it; undefined: this host builds. */
  readonly remote: string | undefined
  /** An SSH key that signs the artifact; undefined: it is not signed. */
  readonly sign: string | undefined
}

export interface Planned {
  readonly copy: WorkingCopy
  readonly plan: ReleasePlan
  readonly place: Place
}

export interface Released extends Planned {
  readonly artifact: BuiltArtifact
  readonly published: Published
}

/**
 * What {@link release} would do. Nothing is changed, but for what a killed release has left, which is undone.
 * @throws PypaasError as {@link release}
 */
export async function planOf(ctx: Context, request: ReleaseRequest, output: Output): Promise<Planned> {
  const copy = await openWorkingCopy(request.cwd, request.env)
  return exclusively(ctx, copy, async () => {
    await finishFormer(ctx, copy, output)
    return planned(ctx, copy, request)
  })
}

/**
 * Releases.
 * @throws PypaasError `usage`, `failed` with the last lines of what failed, `busy` if another release is at it,
 *   `cancelled`; then there is neither a tag nor a commit nor an artifact
 */
export async function release(
  ctx: Context,
  request: ReleaseRequest,
  output: Output,
  signal: AbortSignal,
): Promise<Released> {
  const copy = await openWorkingCopy(request.cwd, request.env)
  return exclusively(ctx, copy, async () => {
    await finishFormer(ctx, copy, output)
    const { plan, place } = await planned(ctx, copy, request)
    await runTests(copy, plan, output, signal)
    const scratch = await mkdtemp(join(tmpdir(), 'pypaas-release-'))
    let note: Note | undefined
    try {
      note = await begin(copy, plan, scratch)
      await createTag(copy, note.tag, note.to, messageFor(plan.version))
      const artifact = await build(ctx, copy, note, request, scratch, output, signal)
      const signature = await signatureOf(ctx, artifact, request)
      const published = publishedAt(place, artifact)
      await refuseTaken(ctx, published)
      if (signal.aborted) throw new PypaasError('cancelled', 'the release was cancelled')
      if (note.from !== note.to) await moveBranch(copy, note.branch, note.from, note.to)
      note = { ...note, publishing: published }
      await writeNote(copy, note)
      await publish(ctx, published, { ...artifact, signature }, signal)
      await removeNote(copy)
      return { copy, plan, place, artifact, published }
    } catch (error) {
      if (note !== undefined) await takeBack(ctx, copy, note, output)
      throw error
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  })
}

async function planned(ctx: Context, copy: WorkingCopy, request: ReleaseRequest): Promise<Planned> {
  const plan = planRelease(await readFacts(copy), request)
  const place = await placeOf(ctx, request.cwd, request)
  await checkKeys(ctx, place, request)
  if (place.kind === 'repository') {
    // Seen before the tests and the build, not after them: that the store answers, and does not have this version.
    const { address, target } = place
    const app = await projectName(copy.project, basename(copy.project))
    await refuseTaken(ctx, {
      kind: 'repository',
      sha256: '',
      address,
      app,
      target,
      version: plan.version,
    })
  }
  return { copy, plan, place }
}

/** Hosts with the same configuration would refuse what is not signed. */
async function checkKeys(ctx: Context, place: Place, { cwd, sign }: ReleaseRequest): Promise<void> {
  if (sign !== undefined) return checkKey(resolve(cwd, sign))
  const allowed = ctx.config.main.artifacts?.allowedSigners
  if (place.kind === 'directory' || allowed === undefined) return
  throw new PypaasError('usage', 'the release would not be signed, and only signed ones are taken', {
    hint: `name the key of one of those in ${allowed}, as in --sign ~/.ssh/id_ed25519`,
  })
}

/** @throws PypaasError `denied` if its key is none of those who may sign here */
async function signatureOf(
  ctx: Context,
  { path }: BuiltArtifact,
  { cwd, sign }: ReleaseRequest,
): Promise<string | undefined> {
  if (sign === undefined) return undefined
  const signature = await signFile(path, resolve(cwd, sign))
  const allowed = ctx.config.main.artifacts?.allowedSigners
  if (allowed !== undefined) await verifySignature(path, signature, allowed)
  return signature
}

async function runTests(
  { project, env }: WorkingCopy,
  { test }: ReleasePlan,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  if (test === undefined)
    return output.line('this project has no tests that could be found (--test names a command)')
  output.line(`testing: ${test}`)
  await stream(['sh', '-c', test], output, { cwd: project, env: { ...env }, signal })
}

/** A commit with the version set, which the branch does not have yet, and a note of what is begun. */
async function begin(
  copy: WorkingCopy,
  { version, tag, branch, head, edits }: ReleasePlan,
  scratch: string,
): Promise<Note> {
  const to = edits.size === 0 ? head : await commitEdits(copy, head, edits, messageFor(version))
  if (!(await isAt(copy, branch, head))) {
    throw new PypaasError('failed', `the branch ${branch} has moved while it was being tested`, {
      hint: 'try again from where it is now',
    })
  }
  const note: Note = { version, tag, branch, from: head, to, scratch }
  await writeNote(copy, note)
  return note
}

function messageFor(version: string): string {
  return `Version ${version}`
}

async function build(
  ctx: Context,
  copy: WorkingCopy,
  { version, tag, to, branch }: Note,
  { remote }: ReleaseRequest,
  scratch: string,
  output: Output,
  signal: AbortSignal,
): Promise<BuiltArtifact> {
  if (remote !== undefined) {
    const wanted = { version, tag, branch, commit: to }
    return buildRemotely(copy, remote, wanted, scratch, output, signal)
  }
  const request = { source: copy.project, rev: tag, version, format: 'tar.gz', download: true } as const
  return buildArtifact(ctx, { ...request, output: scratch, cwd: copy.project }, output, signal)
}

/** After a failure: a publication may have come to its end all the same, and is no longer wanted. */
async function takeBack(ctx: Context, copy: WorkingCopy, note: Note, output: Output): Promise<void> {
  const { publishing, version } = note
  if (publishing !== undefined) {
    await withdraw(ctx, publishing).catch((error: unknown) => {
      output.line(`what was put of ${version} could not be removed: ${messageOf(error)}`)
    })
  }
  const left = await undo(copy, note)
  if (left !== undefined) output.line(left)
}

/** A release that was killed is undone, unless its artifact is there: then all of it had happened. */
async function finishFormer(ctx: Context, copy: WorkingCopy, output: Output): Promise<void> {
  const note = await readNote(copy)
  if (note === undefined) return
  if (note.publishing !== undefined && (await wasPublished(ctx, note.publishing))) {
    await rm(note.scratch, { recursive: true, force: true })
    await removeNote(copy)
    output.line(`the release of ${note.version}, which was cut short, had been completed`)
    return
  }
  const left = await undo(copy, note)
  output.line(`undone: the release of ${note.version}, which was cut short`)
  if (left !== undefined) output.line(left)
}

async function exclusively<T>(ctx: Context, copy: WorkingCopy, work: () => Promise<T>): Promise<T> {
  const held = await lock(`${noteFile(copy)}.lock`, { what: 'a release', now: ctx.now(), wait: 0 })
  try {
    return await work()
  } finally {
    await held.release()
  }
}
