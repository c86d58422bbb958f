/** Each process: since when it is up, pid, port, release, restarts. */
import { releaseStatus, type ProcessStatus } from '../services/status.ts'
import { liveRelease } from '../system/state.ts'
import type { Invocation } from './command.ts'
import { branchesOf } from './lookup.ts'

interface BranchStatus {
  readonly repo: string
  readonly branch: string
  readonly release: string | null
  readonly processes: readonly ProcessStatus[]
}

/** 1 if a process of what is live is not up. */
export async function run({ ctx, args, json, out }: Invocation): Promise<number> {
  const branches: BranchStatus[] = []
  for (const { repo, branch } of branchesOf(ctx, args[0], args[1])) {
    const live = await liveRelease(ctx.paths, { repo, branch })
    const processes = live === undefined ? [] : await releaseStatus(ctx, live)
    branches.push({ repo, branch, release: live?.release ?? null, processes })
  }
  if (json) out.line(JSON.stringify(branches, null, 2))
  else for (const branch of branches) for (const line of describe(branch, ctx.now())) out.line(line)
  return branches.every(({ processes }) => processes.every(({ state }) => state === 'up')) ? 0 : 1
}

function describe({ repo, branch, release, processes }: BranchStatus, now: Date): string[] {
  const heading = `${repo} ${branch}: ${release ?? 'not deployed yet'}`
  const rows = processes.map(({ runner, index, state, pid, port, since, restarts }) => [
    `${runner}-${index}`,
    state,
    since === undefined ? '' : `for ${duration(now.getTime() - Date.parse(since))}`,
    pid === undefined ? '' : `pid ${pid}`,
    port === undefined ? '' : `port ${port}`,
    restarts === 0 ? '' : `${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`,
  ])
  return [heading, ...table(rows).map((row) => `    ${row}`)]
}

/** Columns as wide as their widest cell. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** `3 d 4 h`, `12 min`, `8 s`. */
function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}
