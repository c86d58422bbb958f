/**
 * Moves of a branch's ref that git has been allowed and that are not over: one small file each. git moves a ref
 * when its hook has ended, and a detached push is deployed after that. By these files, whoever has the branch's
 * lock in between knows what is still to come, and what has come to nothing.
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { hasErrno } from '../errors.ts'
import { isAt, setBranch } from '../git/repository.ts'
import type { RefUpdate } from '../git/transport.ts'
import type { BranchRef, Paths } from '../paths.ts'
import type { Release } from '../release.ts'
import { replaceFile } from '../system/files.ts'
import { identityOf, isThere } from '../system/processes.ts'
import { listDirectory, liveRelease } from '../system/state.ts'

/** Seconds that git gets to move a ref. It takes some milliseconds. */
const PATIENCE = 20
/** Milliseconds between two looks at a ref. */
const LOOK = 10

export interface Move extends BranchRef {
  readonly id: string
  /** Where git moves the ref from, and to. Object ids in full; all zeros: nowhere. */
  readonly from: string
  readonly to: string
  /** Where the ref goes back to while nothing is live: where it was before the first of several moves in a row. */
  readonly base: string
  /** The git that may move it (`identityOf`). */
  readonly git: string
  /** The process that deploys it, or will start the one that does. Undefined: it is live already. */
  readonly deployer?: string
}

/**
 * Notes a move, before git is told that it may.
 * @param git pid of git
 * @param deployer pid of the process that will have it deployed; undefined if that has been done
 */
export async function allowMove(
  ctx: Context,
  { repo, branch }: BranchRef,
  { from, to }: Pick<RefUpdate, 'from' | 'to'>,
  git: number,
  deployer?: number,
): Promise<Move> {
  const before = (await listMoves(ctx.paths)).findLast(
    (move) => isOf(move, { repo, branch }) && move.to === from,
  )
  const move: Move = {
    repo,
    branch,
    id: `${String(process.hrtime.bigint()).padStart(20, '0')}-${process.pid}`,
    from,
    to,
    base: before?.base ?? from,
    git: (await identityOf(git)) ?? '',
  }
  return deployer === undefined ? write(ctx, move) : handMove(ctx, move, deployer)
}

/** From now on this process has it deployed. */
export async function handMove(ctx: Context, move: Move, deployer: number): Promise<Move> {
  return write(ctx, { ...move, deployer: (await identityOf(deployer)) ?? '' })
}

/** A move that is not over. */
export async function moveOf(ctx: Context, ref: BranchRef, id: string): Promise<Move | undefined> {
  return readMove(ctx.paths.moveFile(ref, id))
}

/** It is over. */
export async function endMove(ctx: Context, move: Move): Promise<void> {
  await rm(ctx.paths.moveFile(move, move.id), { force: true })
}

/** It is over, and it may not have become what it was to be: the ref goes to where what is live came from. */
export async function settleMove(ctx: Context, move: Move): Promise<void> {
  const { repo, branch, to, base } = move
  const live = await pushedRelease(ctx, move)
  const there = await isAt(ctx, repo, branch, to)
  if (there && live?.commit !== to) {
    await setBranch(ctx, repo, branch, live?.commit ?? (isNowhere(base) ? undefined : base))
  }
  if (!there && live?.commit === to && !(await isDeployToCome(ctx, move))) {
    await setBranch(ctx, repo, branch, to)
  }
  await endMove(ctx, move)
}

/**
 * Sees a branch's moves through: waits until git has moved the ref, and takes the ref back from a deploy that will
 * never come. The caller holds the branch's lock. What a living process is to deploy is left alone.
 */
export async function finishMoves(ctx: Context, ref: BranchRef): Promise<void> {
  for (const move of await movesOf(ctx, ref)) {
    const moved = await awaitMove(ctx, move)
    if (move.deployer !== undefined && (await isThere(move.deployer))) continue
    // It may still be moved: whoever comes next looks again.
    if (!moved && (await isThere(move.git))) continue
    if (move.deployer !== undefined && (await pushedRelease(ctx, ref))?.commit !== move.to) {
      ctx.log.warn(
        { repo: ref.repo, branch: ref.branch, commit: move.to },
        'a detached push was never deployed',
      )
    }
    await settleMove(ctx, move)
  }
}

/** What is live, if it is a commit of the repository: others have nothing to do with the ref. */
async function pushedRelease(ctx: Context, ref: BranchRef): Promise<Release | undefined> {
  const live = await liveRelease(ctx.paths, ref)
  return live?.source === undefined ? live : undefined
}

/** Whether a detached push has moved the ref to where it is, and is still to be deployed. */
export async function isDeployToCome(ctx: Context, ref: BranchRef): Promise<boolean> {
  for (const { deployer, to } of await movesOf(ctx, ref)) {
    if (deployer === undefined || !(await isThere(deployer))) continue
    if (await isAt(ctx, ref.repo, ref.branch, to)) return true
  }
  return false
}

/** Whether git has been told to move the ref and is about to, so that nobody else may. */
export async function isAboutToMove(ctx: Context, ref: BranchRef): Promise<boolean> {
  for (const { git, to } of await movesOf(ctx, ref)) {
    if ((await isThere(git)) && !(await isAt(ctx, ref.repo, ref.branch, to))) return true
  }
  return false
}

/** Branches with a move that no living process has in hand. */
export async function branchesWithLostMoves({ paths }: Context): Promise<BranchRef[]> {
  const lost: BranchRef[] = []
  for (const { repo, branch, git, deployer = '' } of await listMoves(paths)) {
    if (!(await isThere(git)) && !(await isThere(deployer))) lost.push({ repo, branch })
  }
  return lost
}

/** All moves, in the order of their beginning. */
export async function listMoves(paths: Paths): Promise<Move[]> {
  const moves = await Promise.all(
    (await listDirectory(paths.moves)).map((file) => readMove(join(paths.moves, file))),
  )
  return moves.flatMap((move) => move ?? []).toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

async function movesOf({ paths }: Context, ref: BranchRef): Promise<Move[]> {
  return (await listMoves(paths)).filter((move) => isOf(move, ref))
}

/** True once git has moved the ref; false if it has ended without, or takes too long. */
async function awaitMove(ctx: Context, { repo, branch, to, git }: Move): Promise<boolean> {
  const deadline = performance.now() + PATIENCE * 1000
  for (;;) {
    // In this order: what git has done it has done before it ended.
    const works = await isThere(git)
    if (await isAt(ctx, repo, branch, to)) return true
    if (!works || performance.now() > deadline) return false
    await delay(LOOK)
  }
}

async function write(ctx: Context, move: Move): Promise<Move> {
  await replaceFile(ctx.paths.moveFile(move, move.id), `${JSON.stringify(move)}\n`, 0o600)
  return move
}

/** Undefined: it is over. */
async function readMove(path: string): Promise<Move | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Move
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

function isOf(move: BranchRef, { repo, branch }: BranchRef): boolean {
  return move.repo === repo && move.branch === branch
}

function isNowhere(commit: string): boolean {
  return /^0+$/.test(commit)
}
