/** The versions of an app. */
import type { Invocation } from '../command.ts'
import { bytes, table } from '../text.ts'
import { refOf, repositoryOf } from './options.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { ctx, options, json, out } = invocation
  const artifacts = await repositoryOf(ctx, options)
  const ref = refOf(invocation)
  const versions = await artifacts.versions(ref)
  if (json) out.line(JSON.stringify(versions, null, 2))
  else if (versions.length === 0) out.line(`there is no version of ${ref.app} in ${artifacts.store.shown}`)
  const rows = versions.map(({ version, latest, size, modified }) => [
    latest ? '*' : ' ',
    version,
    bytes(size),
    `${modified.toISOString().slice(0, 19)}Z`,
  ])
  if (!json) for (const line of table(rows)) out.line(line)
  return 0
}
