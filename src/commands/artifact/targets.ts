/** The targets of an app. */
import type { Invocation } from '../command.ts'
import { repositoryOf } from './options.ts'
import { printNames } from './names.ts'

export async function run({ ctx, args, options, json, out }: Invocation): Promise<number> {
  const artifacts = await repositoryOf(ctx, options)
  printNames(
    await artifacts.targets(args[0] ?? ''),
    `there is no app ${args[0]} in ${artifacts.store.shown}`,
    json,
    out,
  )
  return 0
}
