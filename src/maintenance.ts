/** Which branches are in maintenance, with which runners and since when: `maintenance-state.yml`. */
import type { Context } from './context.ts'
import type { BranchRef } from './paths.ts'
import { readIfThere, replaceFile } from './system/files.ts'
import { withLock } from './system/lock.ts'

export interface MaintenanceEntry extends BranchRef {
  readonly runners: readonly string[]
  /** ISO 8601, UTC. */
  readonly since: string
}

/** Everything in maintenance. What pyPaaS left in the file is not ours to interpret, and passed over. */
export async function readMaintenance(ctx: Context): Promise<MaintenanceEntry[]> {
  const text = await readIfThere(ctx.paths.maintenance)
  return (text ?? '').split('\n').flatMap((line) => entryIn(line) ?? [])
}

/** Tells of any branch whether it is in maintenance now. */
export async function inMaintenance(ctx: Context): Promise<(ref: BranchRef) => boolean> {
  const entries = await readMaintenance(ctx)
  return (ref) => entries.some((entry) => isOf(entry, ref))
}

/** nginx answers for the branch from `maintenance_upstream` or with the 503 page, once it is told to. */
export async function enterMaintenance(
  ctx: Context,
  ref: BranchRef,
  runners: readonly string[],
): Promise<void> {
  await change(ctx, ref, (entries) =>
    entries.some((entry) => isOf(entry, ref))
      ? entries
      : [...entries, { repo: ref.repo, branch: ref.branch, runners, since: ctx.now().toISOString() }],
  )
}

/** Ends it; does nothing if there was none. */
export async function leaveMaintenance(ctx: Context, ref: BranchRef): Promise<void> {
  // Nearly every deploy ends here without having begun one.
  if (!(await readMaintenance(ctx)).some((entry) => isOf(entry, ref))) return
  await change(ctx, ref, (entries) => entries.filter((entry) => !isOf(entry, ref)))
}

async function change(
  ctx: Context,
  { repo, branch }: BranchRef,
  next: (entries: MaintenanceEntry[]) => MaintenanceEntry[],
): Promise<void> {
  const lockFile = ctx.paths.runFile('maintenance.lock')
  await withLock(lockFile, { what: `maintenance of ${repo} ${branch}`, now: ctx.now() }, async () => {
    const entries = next(await readMaintenance(ctx))
    // JSON is YAML: a list of one mapping a line, which needs no YAML parser in every push.
    const lines = entries.map((entry) => `- ${JSON.stringify(entry)}\n`)
    await replaceFile(ctx.paths.maintenance, lines.length === 0 ? '[]\n' : lines.join(''))
  })
}

function entryIn(line: string): MaintenanceEntry | undefined {
  if (!line.startsWith('- {')) return undefined
  try {
    const entry = JSON.parse(line.slice(2)) as Partial<MaintenanceEntry>
    const { repo, branch, runners, since } = entry
    if (repo === undefined || branch === undefined || since === undefined) return undefined
    return { repo, branch, runners: runners ?? [], since }
  } catch {
    return undefined
  }
}

function isOf(entry: BranchRef, { repo, branch }: BranchRef): boolean {
  return entry.repo === repo && entry.branch === branch
}
