/** Removes old versions from the repository of artifacts. */
import { PypaasError } from '../../errors.ts'
import type { Invocation } from '../command.ts'
import { bytes, table } from '../text.ts'
import { repositoryOf, textOf } from './options.ts'

export async function run({ ctx, args, options, json, out }: Invocation): Promise<number> {
  const keep = Number(textOf(options, 'maxVersions') ?? Number.NaN)
  if (!Number.isSafeInteger(keep) || keep < 1) {
    throw new PypaasError('usage', '`artifact gc` needs to know how many versions to keep', {
      hint: 'for example `artifact gc --max-versions 10`; `--dry-run` shows what would go',
    })
  }
  const artifacts = await repositoryOf(ctx, options)
  const dryRun = options['dryRun'] === true
  const target = textOf(options, 'target')
  const removed = await artifacts.gc({ keep, app: args[0], target, dryRun, now: artifacts.store.now() })
  if (json) {
    out.line(JSON.stringify({ dryRun, removed }, null, 2))
    return 0
  }
  const rows = removed.map(({ app, target: of, artifact, version, size }) => [
    `${app} ${of}`,
    artifact,
    version,
    bytes(size),
  ])
  for (const line of table(rows)) out.line(line)
  const size = removed.reduce((sum, one) => sum + one.size, 0)
  out.line(
    `${dryRun ? 'would remove' : 'removed'} ${removed.length} ${removed.length === 1 ? 'version' : 'versions'} (${bytes(size)})`,
  )
  return 0
}
