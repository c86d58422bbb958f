/** Pushes that wait for the branch's lock: of several, the newest is deployed, the others have been superseded. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import type { BranchRef } from '../paths.ts'
import { replaceFile } from '../system/files.ts'
import { isAlive } from '../system/processes.ts'
import { listDirectory } from '../system/state.ts'
import type { Order } from './deploy.ts'

/** A push of the branch. */
type Push = Pick<Order, 'commit' | 'by'>

interface Waiting extends Push {
  readonly pid: number
  /** A newer push, which has had its turn already. */
  readonly supersededBy?: Push
}

/** A place in the queue, from the moment that a push asks for the lock; the name is the order. */
export interface Place {
  readonly name: string
  readonly push: Push
}

/** A place behind all others. */
export function placeOf(ctx: Context, { commit, by }: Push): Place {
  // Two in one millisecond, of one process or of two, are told apart by the finer clock of the machine.
  const parts = [
    String(ctx.now().getTime()).padStart(15, '0'),
    String(process.hrtime.bigint()).padStart(20, '0'),
  ]
  return { name: parts.join('-'), push: { commit, by } }
}

/** Lets the others see that this one waits. */
export function queueUp({ paths }: Context, ref: BranchRef, place: Place): void {
  mkdirSync(paths.queue(ref), { recursive: true, mode: 0o700 })
  const waiting: Waiting = { pid: process.pid, ...place.push }
  writeFileSync(join(paths.queue(ref), place.name), JSON.stringify(waiting))
}

/** It waits no more. */
export function leaveQueue({ paths }: Context, ref: BranchRef, { name }: Place): void {
  rmSync(join(paths.queue(ref), name), { force: true })
}

/** How many wait before this one. Those whose process has gone do not count. */
export async function countBefore(ctx: Context, ref: BranchRef, place: Place): Promise<number> {
  return (await waitingIn(ctx, ref)).filter(({ name }) => name < place.name).length
}

/**
 * The turn of a push that has got the lock. Those that have waited for longer are superseded by it, and learn so
 * when they get the lock: whoever waits for a lock gets it in any order.
 * @throws PypaasError `cancelled` if a newer push waits, or has had its turn: that one is deployed instead
 */
export async function takeTurn(ctx: Context, ref: BranchRef, place: Place): Promise<void> {
  const others = await waitingIn(ctx, ref)
  const own = others.find(({ name }) => name === place.name)
  const newer = own?.supersededBy ?? others.findLast(({ name }) => name > place.name)
  if (newer === undefined) {
    for (const { name, pid, commit, by } of others.filter((other) => other.name < place.name)) {
      const superseded: Waiting = { pid, commit, by, supersededBy: place.push }
      await replaceFile(join(ctx.paths.queue(ref), name), JSON.stringify(superseded))
    }
    return
  }
  throw new PypaasError(
    'cancelled',
    `superseded by the push of ${newer.commit.slice(0, 11)} by ${newer.by}, which is deployed instead`,
    { hint: 'nothing is lost: `git pull`, and push again if your commits are not in it' },
  )
}

/** Who waits, first come first; places whose process has gone are given up. */
export async function waitingIn(ctx: Context, ref: BranchRef): Promise<(Waiting & { name: string })[]> {
  const directory = ctx.paths.queue(ref)
  const found: (Waiting & { name: string })[] = []
  for (const name of await listDirectory(directory)) {
    const text = await readFile(join(directory, name), 'utf8').catch(() => '')
    if (text === '') continue
    const waiting = JSON.parse(text) as Waiting
    if (await isAlive(waiting.pid)) found.push({ ...waiting, name })
    else rmSync(join(directory, name), { force: true })
  }
  return found
}
