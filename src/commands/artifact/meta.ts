/** What is kept with a version of an app. */
import type { Invocation } from '../command.ts'
import { table } from '../text.ts'
import { refOf, repositoryOf } from './options.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { ctx, args, options, json, out } = invocation
  const artifacts = await repositoryOf(ctx, options)
  const { version, meta } = await artifacts.meta({ ...refOf(invocation), version: args[1] })
  if (json) out.line(JSON.stringify({ version, meta }, null, 2))
  else
    for (const line of table([
      ['version', version],
      ...Object.entries(meta).map(([name, value]) => [name, String(value)]),
    ]))
      out.line(line)
  return 0
}
