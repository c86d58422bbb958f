/** Repos and branches, and what of them is live. */
import { urlsOf } from '../nginx/urls.ts'
import { liveRelease } from '../system/state.ts'
import type { Invocation } from './command.ts'

interface Listed {
  readonly repo: string
  readonly branch: string
  readonly release: string | null
  readonly commit: string | null
  readonly subject: string | null
  readonly by: string | null
  readonly since: string | null
  readonly urls: readonly string[]
}

export async function run({ ctx, json, out }: Invocation): Promise<number> {
  const listed: Listed[] = []
  for (const repo of ctx.config.repos.values()) {
    for (const { branch } of repo.branches.values()) {
      const ref = { repo: repo.name, branch }
      const live = await liveRelease(ctx.paths, ref)
      listed.push({
        ...ref,
        release: live?.release ?? null,
        commit: live?.commit ?? null,
        subject: live?.subject ?? null,
        by: live?.by ?? null,
        since: live?.created ?? null,
        urls: urlsOf(ctx.config, ref),
      })
    }
  }
  if (json) {
    out.line(JSON.stringify(listed, null, 2))
    return 0
  }
  if (listed.length === 0) out.line(`no repos are configured in ${ctx.config.dir}/repos`)
  for (const { repo, branch, release, commit, subject, by, urls } of listed) {
    out.line(`${repo} ${branch}`)
    out.line(
      release === null
        ? '    not deployed yet'
        : `    live: ${release}  ${commit?.slice(0, 11)} ${subject} (by ${by})`,
    )
    for (const url of urls) out.line(`    ${url}`)
  }
  return 0
}
