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
import type { Release } from '../release.ts'
import { temporaryBeside } from '../system/files.ts'
import type { Output } from '../system/output.ts'
import { changingApp } from './app-lock.ts'
import { appTree, type AppTree } from './app-tree.ts'
import { markedForPull } from './begun.ts'
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
  return unpacked(ctx, branch, remote, news, (made) => {
    const { subject, commit, tree, app } = made
    const work = async (): Promise<string> => {
      const release = await deploy(ctx, { kind: 'pull', branch, commit, subject, by: BY, tree }, run)
      await made.deployed(ctx.paths.checkout(ref, release), run)
      return release
    }
    return changingApp(ctx, app, run, () => locked(ctx, ref, run, work))
  })
}

/** What a deploy of a tree that was killed after SWITCH has perhaps not done: it tells the app that it is live. */
export async function finishTree(
  ctx: Context,
  branch: BranchConfig,
  remote: Remote,
  news: News,
  live: Release,
  run: Run,
): Promise<void> {
  const ref = refOf(branch)
  const checkout = ctx.paths.checkout(ref, live.checkout)
  await unpacked(ctx, branch, remote, news, (made) =>
    changingApp(ctx, made.app, run, () => locked(ctx, ref, run, () => made.deployed(checkout, run))),
  )
}

/** Unpacks beside the checkouts, from where a deploy takes it by a rename; nothing stays there. */
async function unpacked<T>(
  ctx: Context,
  branch: BranchConfig,
  remote: Remote,
  news: News,
  work: (made: AppTree) => Promise<T>,
): Promise<T> {
  const ref = refOf(branch)
  const area = temporaryBeside(ctx.paths.checkout(ref, 'pulled'))
  const directory = join(area, 'tree')
  await mkdir(area, { recursive: true })
  try {
    await news.place(directory)
    return await work(await appTree(markedForPull(ctx, ref), branch, remote, news, directory))
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
