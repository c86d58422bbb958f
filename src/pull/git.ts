/** Git remotes. Asking what a branch is at is one connection; objects are fetched only when it has moved. */
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { GitRemote } from '../config/remote.ts'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { createCheckout } from '../git/checkout.ts'
import { readIfThere, temporaryBeside } from '../system/files.ts'
import { silent } from '../system/output.ts'
import { capture } from '../system/run.ts'
import { keptName } from './download.ts'
import { askHead, fetchHead, gitEnvironment } from './git-remote.ts'
import type { Look, LookOptions } from './look.ts'

/** The ref of a cached repository that is set to what was fetched. */
const PULLED = 'refs/heads/pulled'

/** What a remote is at, fetched into a repository of our own below the cache. */
export async function lookAtGit(ctx: Context, remote: GitRemote, options: LookOptions): Promise<Look> {
  const { known, output, signal, begin } = options
  const head = await askHead(ctx, remote, { signal })
  if (known?.['commit'] === head.commit) return { same: known }
  begin?.()
  const repository = await ensureCache(ctx, options, remote)
  await fetchHead(ctx, remote, head, repository, { signal, into: PULLED })
  // It may have moved on since it was asked; what was fetched counts.
  const inspect = (...args: string[]): Promise<string> =>
    capture(['git', `--git-dir=${repository}`, ...args], { env: gitEnvironment(ctx), signal })
  const commit = await inspect('rev-parse', '--verify', '--end-of-options', `${PULLED}^{commit}`)
  const tree = await treeIn(inspect, commit, remote)
  // A commit that changes other directories only brings nothing new.
  if (known?.['tree'] === tree) return { same: { commit, tree } }
  const subject = await subjectIn(ctx, repository, commit, remote, signal)
  return {
    news: {
      version: { commit, tree },
      name: commit.slice(0, 11),
      commit,
      subject,
      place: (directory) =>
        placeCommit(ctx, repository, commit, remote.directory, directory, { output, signal }),
      settled: () => Promise.resolve(),
    },
  }
}

/** The same for a repository of ours, into which the objects are brought without any ref. */
export async function lookAtCommit(
  ctx: Context,
  remote: GitRemote,
  repository: string,
  { known, signal, begin }: Pick<LookOptions, 'known' | 'signal' | 'begin'>,
): Promise<Look> {
  const head = await askHead(ctx, remote, { signal })
  const { commit } = head
  if (known?.['commit'] === commit) return { same: known }
  begin?.()
  await fetchHead(ctx, remote, head, repository, { signal })
  const subject = await subjectIn(ctx, repository, commit, remote, signal)
  return {
    news: {
      version: { commit },
      name: commit.slice(0, 11),
      commit,
      subject,
      place: (directory) => createCheckout(ctx, repository, commit, directory, { output: silent, signal }),
      settled: () => Promise.resolve(),
    },
  }
}

async function subjectIn(
  ctx: Context,
  repository: string,
  commit: string,
  { shown }: GitRemote,
  signal: AbortSignal,
): Promise<string> {
  const argv = ['git', `--git-dir=${repository}`, 'log', '-1', '--format=%s', '--end-of-options', commit]
  try {
    const subject = await capture(argv, { env: gitEnvironment(ctx), signal })
    return subject.replaceAll(/\p{Cc}/gu, ' ').slice(0, 200)
  } catch (cause) {
    if (signal.aborted) throw cause
    // It has been moved, and not forward, between the question and the fetch.
    throw new PypaasError('failed', `${shown} changed while it was fetched`, {
      cause,
      hint: 'it is tried again at the next schedule',
    })
  }
}

/** Object id of the wanted directory: equal for equal files. */
async function treeIn(
  inspect: (...args: string[]) => Promise<string>,
  commit: string,
  { directory, shown }: GitRemote,
): Promise<string> {
  try {
    const id = await inspect('rev-parse', '--verify', '--end-of-options', `${commit}:${directory}`)
    // A file has an id, too.
    return await inspect('rev-parse', '--verify', '--end-of-options', `${id}^{tree}`)
  } catch (cause) {
    throw new PypaasError(
      'failed',
      `${shown}: there is no directory ${directory} in ${commit.slice(0, 11)}`,
      {
        cause,
        hint: 'look at what stands behind `.git/` in the remote',
      },
    )
  }
}

/** The files of a commit, or of one directory of it, without `.git`. */
async function placeCommit(
  ctx: Context,
  repository: string,
  commit: string,
  wanted: string,
  directory: string,
  options: Pick<LookOptions, 'output' | 'signal'>,
): Promise<void> {
  if (wanted === '') return createCheckout(ctx, repository, commit, directory, options)
  const whole = temporaryBeside(directory)
  try {
    await createCheckout(ctx, repository, commit, whole, options)
    await rename(join(whole, wanted), directory)
  } finally {
    await rm(whole, { recursive: true, force: true })
  }
}

/** A bare repository a URL and owner; made beside its place, so that it is there whole or not at all. */
async function ensureCache(
  ctx: Context,
  { cache, owner }: Pick<LookOptions, 'cache' | 'owner'>,
  { url }: GitRemote,
): Promise<string> {
  const path = join(cache, `${keptName(owner, url)}.git`)
  // A power cut may have left git's lock on the ref. Nobody else fetches into this one.
  await rm(join(path, `${PULLED}.lock`), { force: true })
  if ((await readIfThere(join(path, 'HEAD'))) !== undefined) return path
  const temporary = temporaryBeside(path)
  await mkdir(cache, { recursive: true, mode: 0o700 })
  try {
    await capture(['git', 'init', '--quiet', '--bare', temporary], { env: gitEnvironment(ctx) })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
  return path
}
