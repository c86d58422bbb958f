/** The apps in the repository of artifacts. */
import type { Invocation } from '../command.ts'
import { repositoryOf } from './options.ts'
import { printNames } from './names.ts'

export async function run({ ctx, options, json, out }: Invocation): Promise<number> {
  const artifacts = await repositoryOf(ctx, options)
  printNames(await artifacts.apps(), `there is nothing in ${artifacts.store.shown} yet`, json, out)
  return 0
}
