/** Each process: since when it is up, pid, port, release, restarts. */
import type { Context } from '../context.ts'
import { frozen, type Frozen } from '../deploy/freeze.ts'
import { listRecords } from '../deploy/journal.ts'
import { listUnfinished } from '../deploy/unfinished.ts'
import type { BranchRef } from '../paths.ts'
import type { Release } from '../release.ts'
import { readTrouble, type Trouble } from '../pull/trouble.ts'
import { lastLogLines } from '../services/logs.ts'
import { releaseStatus, type ProcessStatus } from '../services/status.ts'
import { liveRelease } from '../system/state.ts'
import type { Invocation } from './command.ts'
import { branchesOf } from './lookup.ts'
import { duration, table } from './text.ts'

/** How many of the last lines of a crashing process are shown. */
const LINES = 5
/** Branches that are looked at together: more would open more files than a process may. */
const AT_ONCE = 32

interface BranchStatus {
  readonly repo: string
  readonly branch: string
  readonly release: string | null
  /** Who froze the branch; since: ISO 8601, UTC. */
  readonly frozen: Frozen | null
  /** The deploy at work. */
  readonly deploying: {
    release: string
    by: string
    phase: string
    since: string
    /** Processes of the live release are stopped for it, on purpose. */
    stops: boolean
  } | null
  /** The deploy that failed after it was live, if the former release was put back because of it. */
  readonly reverted: { release: string; by: string; why: string; former: string } | null
  /** Why the branch is not at what its source has. */
  readonly trouble: Trouble | null
  readonly processes: readonly (ProcessStatus & {
    /** The last of what a crashing process has printed; none of one that is well. */
    readonly lines: readonly string[]
  })[]
}

/** 1 if a process of what is live is not up. */
export async function run({ ctx, args, json, out }: Invocation): Promise<number> {
  const refs = branchesOf(ctx, args[0], args[1])
  const unfinished = await listUnfinished(ctx.paths)
  const branches: BranchStatus[] = []
  for (let start = 0; start < refs.length; start += AT_ONCE) {
    const some = refs.slice(start, start + AT_ONCE)
    branches.push(...(await Promise.all(some.map((ref) => branchStatus(ctx, ref, unfinished)))))
  }
  if (json) out.line(JSON.stringify(branches, null, 2))
  else if (branches.length === 0) out.line(`no repos are configured in ${ctx.config.dir}/repos`)
  else for (const branch of branches) for (const line of describe(branch, ctx.now())) out.line(line)
  return branches.every(({ processes }) => processes.every(({ state }) => state === 'up')) ? 0 : 1
}

async function branchStatus(
  ctx: Context,
  { repo, branch }: BranchRef,
  unfinished: readonly BranchRef[],
): Promise<BranchStatus> {
  const isUnfinished = unfinished.some((ref) => ref.repo === repo && ref.branch === branch)
  const live = await liveRelease(ctx.paths, { repo, branch })
  return {
    repo,
    branch,
    release: live?.release ?? null,
    frozen: (await frozen(ctx, { repo, branch })) ?? null,
    // The journal is read only while the branch has a deploy that is not over.
    deploying: isUnfinished ? await deployAt(ctx, { repo, branch }) : null,
    reverted: live === undefined ? null : await revertedFor(ctx, live),
    trouble: await troubleOf(ctx, { repo, branch }),
    processes: live === undefined ? [] : await processesWithLines(ctx, live),
  }
}

async function troubleOf(ctx: Context, ref: BranchRef): Promise<Trouble | null> {
  const source = ctx.config.repos.get(ref.repo)?.branches.get(ref.branch)?.source
  return source === undefined ? null : ((await readTrouble(ctx, ref, source.remote.shown)) ?? null)
}

/** What the live release was put back for. A deploy that comes after it makes this the past. */
async function revertedFor(ctx: Context, live: Release): Promise<BranchStatus['reverted']> {
  // Only a release that was put back has an origin: of all others, the journal need not be read.
  if (live.origin === undefined) return null
  const records = await listRecords(ctx.paths, live)
  const at = records.findIndex(({ release, kind }) => release === live.release && kind === 'revert')
  const failed = records.slice(0, Math.max(at, 0)).findLast(({ result }) => result === 'reverted')
  if (failed === undefined) return null
  const { release, by, error: why = '' } = failed
  return { release, by, why, former: live.origin }
}

async function deployAt(ctx: Context, ref: BranchRef): Promise<BranchStatus['deploying']> {
  const running = (await listRecords(ctx.paths, ref)).findLast(({ result }) => result === 'running')
  const at = running?.phases.at(-1)
  if (running === undefined || at === undefined) return null
  const stopping = running.phases.some(({ name }) => name === 'maintenance' || name === 'stop_first')
  const stops = stopping && running.former !== undefined && !running.switched
  return { release: running.release, by: running.by, phase: at.name, since: at.began, stops }
}

async function processesWithLines(ctx: Context, live: Release): Promise<BranchStatus['processes']> {
  const processes = await releaseStatus(ctx, live)
  return Promise.all(
    processes.map(async (process) => {
      const count = process.state === 'crashing' ? LINES : 0
      const lines = await lastLogLines(ctx, live, process.runner, process.index, count)
      return { ...process, lines: lines.map(({ text }) => text) }
    }),
  )
}

function describe(status: BranchStatus, now: Date): string[] {
  const { repo, branch, release, frozen: frost, deploying, reverted, trouble, processes } = status
  const rows = processes.map(({ runner, index, state, pid, port, since, restarts }) => [
    `${runner}-${index}`,
    state,
    since === undefined ? '' : `for ${duration(now.getTime() - Date.parse(since))}`,
    pid === undefined ? '' : `pid ${pid}`,
    port === undefined ? '' : `port ${port}`,
    restarts === 0 ? '' : `${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`,
  ])
  const shown = [
    ...(frost === null ? [] : [`frozen by ${frost.by} since ${frost.since}: ${frost.why}`]),
    ...(deploying === null ? [] : [describeDeploy(deploying, now)]),
    ...(reverted === null
      ? []
      : [
          `reverted: ${reverted.release} by ${reverted.by}: ${reverted.why}; ${reverted.former} is live again`,
        ]),
    ...(trouble === null ? [] : describeTrouble(trouble)),
    ...table(rows).flatMap((row, at) => [
      row,
      ...(processes[at]?.lines ?? []).map((line) => `    | ${line}`),
    ]),
  ]
  return [`${repo} ${branch}: ${release ?? 'not deployed yet'}`, ...shown.map((line) => `    ${line}`)]
}

function describeTrouble({ remote, since, why, hint }: Trouble): string[] {
  return [`not pulled from ${remote} since ${since}: ${why}`, ...(hint === undefined ? [] : [`    ${hint}`])]
}

function describeDeploy(
  { release, by, phase, since, stops }: NonNullable<BranchStatus['deploying']>,
  now: Date,
): string {
  const at = `${phase} for ${duration(now.getTime() - Date.parse(since))}`
  const down = stops ? ', former processes are stopped for it' : ''
  return `being deployed: ${release} by ${by}, at ${at}${down}`
}
