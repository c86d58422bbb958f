/** Why a branch with a source is not at what that has: kept for `status`, because the log is not where people look first. */
import { rm } from 'node:fs/promises'
import type { Context } from '../context.ts'
import { messageOf, PypaasError } from '../errors.ts'
import type { BranchRef } from '../paths.ts'
import { readIfThere, replaceFile } from '../system/files.ts'

export interface Trouble {
  /** Without credentials. */
  readonly remote: string
  readonly why: string
  readonly hint?: string
  /** When this reason came up: ISO 8601, UTC. */
  readonly since: string
}

/** Undefined: the last look was well. A branch whose source is another one by now has none. */
export async function readTrouble(
  { paths }: Pick<Context, 'paths'>,
  ref: BranchRef,
  remote: string,
): Promise<Trouble | undefined> {
  const text = await readIfThere(paths.pullTrouble(ref))
  const trouble = text === undefined ? undefined : (JSON.parse(text) as Trouble)
  return trouble?.remote === remote ? trouble : undefined
}

/** The time stays where the reason does. */
export async function noteTrouble(
  ctx: Context,
  ref: BranchRef,
  remote: string,
  error: unknown,
): Promise<void> {
  const why = messageOf(error)
  if ((await readTrouble(ctx, ref, remote))?.why === why) return
  const hint = error instanceof PypaasError && error.hint !== undefined ? { hint: error.hint } : {}
  const trouble: Trouble = { remote, why, ...hint, since: ctx.now().toISOString() }
  await replaceFile(ctx.paths.pullTrouble(ref), `${JSON.stringify(trouble, null, 2)}\n`)
}

export async function clearTrouble({ paths }: Context, ref: BranchRef): Promise<void> {
  await rm(paths.pullTrouble(ref), { force: true })
}
