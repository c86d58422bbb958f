/** Kept releases of a branch, newest first: what `rollback` can go back to. */
import { releaseSizes } from '../deploy/size.ts'
import { listReleases, liveReleaseName } from '../system/state.ts'
import type { Invocation } from './command.ts'
import { branchOf } from './lookup.ts'
import { bytes, duration, table } from './text.ts'

interface Listed {
  readonly release: string
  readonly commit: string
  readonly subject: string
  readonly by: string
  /** ISO 8601, UTC. */
  readonly created: string
  /** Bytes that would be free without it: files that other releases share do not count. */
  readonly size: number
  readonly live: boolean
  /** The release that this one went back to. */
  readonly origin: string | null
}

export async function run({ ctx, args: [repo = '', name = ''], json, out }: Invocation): Promise<number> {
  const { branch } = branchOf(ctx, repo, name)
  const ref = { repo, branch }
  const live = await liveReleaseName(ctx.paths, ref)
  const releases = (await listReleases(ctx.paths, ref)).toReversed()
  const sizes = await releaseSizes(ctx, ref)
  const listed = releases.map((release): Listed => ({
    release: release.release,
    commit: release.commit,
    subject: release.subject,
    by: release.by,
    created: release.created,
    size: sizes.get(release.checkout) ?? 0,
    live: release.release === live,
    origin: release.origin ?? null,
  }))
  if (json) {
    out.line(JSON.stringify(listed, null, 2))
    return 0
  }
  if (listed.length === 0) out.line(`${repo} ${branch} has not been deployed yet`)
  const rows = listed.map((row) => [
    row.live ? '*' : ' ',
    row.release,
    row.commit.slice(0, 11),
    row.by,
    `${duration(ctx.now().getTime() - Date.parse(row.created))} ago`,
    bytes(row.size),
    `${row.subject}${row.origin === null ? '' : ` (back to ${row.origin})`}`,
  ])
  for (const line of table(rows)) out.line(line)
  return 0
}
