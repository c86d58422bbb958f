/** Removes a version of an app. */
import type { Invocation } from '../command.ts'
import { refOf, repositoryOf } from './options.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { ctx, args, options, json, out } = invocation
  const artifacts = await repositoryOf(ctx, options)
  const ref = refOf(invocation)
  const [, version = ''] = args
  await artifacts.delete({ ...ref, version })
  const latest = await artifacts.latest(ref)
  if (json) out.line(JSON.stringify({ removed: version, latest: latest ?? null }, null, 2))
  else out.line(`removed ${ref.app} ${version}; latest is ${latest ?? 'none'}`)
  return 0
}
