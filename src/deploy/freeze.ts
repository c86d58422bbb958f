/** A frozen branch takes no deploys, until somebody unfreezes it. Not a lock: it outlives processes. */
import { rm } from 'node:fs/promises'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import type { BranchRef } from '../paths.ts'
import { readIfThere, replaceFile } from '../system/files.ts'

export interface Frozen {
  readonly by: string
  readonly why: string
  /** ISO 8601, UTC. */
  readonly since: string
}

export async function frozen(ctx: Context, ref: BranchRef): Promise<Frozen | undefined> {
  const text = await readIfThere(ctx.paths.frozen(ref))
  return text === undefined ? undefined : (JSON.parse(text) as Frozen)
}

export async function freeze(ctx: Context, ref: BranchRef, by: string, why: string): Promise<void> {
  const state: Frozen = { by, why, since: ctx.now().toISOString() }
  await replaceFile(ctx.paths.frozen(ref), `${JSON.stringify(state)}\n`)
}

/** Returns what was, undefined if the branch was not frozen. */
export async function unfreeze(ctx: Context, ref: BranchRef): Promise<Frozen | undefined> {
  const former = await frozen(ctx, ref)
  await rm(ctx.paths.frozen(ref), { force: true })
  return former
}

/** @throws PypaasError `busy` if the branch is frozen, saying by whom and why */
export async function refuseIfFrozen(ctx: Context, ref: BranchRef): Promise<void> {
  const state = await frozen(ctx, ref)
  if (state === undefined) return
  throw new PypaasError(
    'busy',
    `${ref.repo} ${ref.branch} is frozen by ${state.by} since ${state.since}: ${state.why}`,
    {
      hint: `\`unfreeze ${ref.repo} ${ref.branch}\` lets deploys through again`,
    },
  )
}
