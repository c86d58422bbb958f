/** Deploys of what was pulled: a commit as if it had been pushed, everything else as a tree. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Remote } from '../config/remote.ts'
import type { BranchConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import { lockBranch } from '../deploy/branch-lock.ts'
import type { Order } from '../deploy/deploy.ts'
import { runDeploy } from '../deploy/pipeline.ts'
import { setBranch } from '../git/repository.ts'
import type { BranchRef } from '../paths.ts'
import { temporaryBeside } from '../system/files.ts'
import type { Output } from '../system/output.ts'
import { appTree } from './app-tree.ts'
import type { News } from './look.ts'

interface Run {
  readonly output: Output
  readonly signal: AbortSignal
}

/** Who deploys, in journals. */
const BY = 'pull'

/** @returns the name of the release */
export async function deployCommit(
  ctx: Context,
  branch: BranchConfig,
  { commit, subject }: News,
  run: Run,
): Promise<string> {
  const ref = refOf(branch)
  return locked(ctx, ref, run, async () => {
    const release = await deploy(ctx, { kind: 'pull', branch, commit, subject, by: BY }, run)
    await setBranch(ctx, ref.repo, ref.branch, commit)
    return release
  })
}

/** @returns the name of the release */
export async function deployTree(
  ctx: Context,
  branch: BranchConfig,
  remote: Remote,
  news: News,
  run: Run,
): Promise<string> {
  const ref = refOf(branch)
  // Beside the checkouts: the deploy takes it from there by a rename.
  const area = temporaryBeside(ctx.paths.checkout(ref, 'pulled'))
  const directory = join(area, 'tree')
  await mkdir(area, { recursive: true })
  try {
    await news.place(directory)
    const made = await appTree(ctx, branch, remote, news, directory)
    return await locked(ctx, ref, run, async () => {
      const { subject, commit, tree } = made
      const release = await deploy(ctx, { kind: 'pull', branch, commit, subject, by: BY, tree }, run)
      await made.deployed(ctx.paths.checkout(ref, release), run)
      return release
    })
  } finally {
    await rm(area, { recursive: true, force: true })
  }
}

async function deploy(ctx: Context, order: Order, run: Run): Promise<string> {
  const release = await runDeploy(ctx, order, run)
  if (release === undefined) throw new Error('a deploy that was no dry run made no release')
  return release.release
}

async function locked<T>(ctx: Context, ref: BranchRef, run: Run, work: () => Promise<T>): Promise<T> {
  const held = await lockBranch(ctx, ref, `pull of ${ref.repo} ${ref.branch}`, run)
  try {
    return await work()
  } finally {
    await held.release()
  }
}

function refOf({ repo, branch }: BranchConfig): BranchRef {
  return { repo, branch }
}
