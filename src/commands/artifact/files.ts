/** The artifacts of a target of an app. */
import type { Invocation } from '../command.ts'
import { printNames } from './names.ts'
import { refOf, repositoryOf } from './options.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { ctx, options, json, out } = invocation
  const artifacts = await repositoryOf(ctx, options)
  const { app, target } = refOf(invocation)
  const none = `there is nothing of ${app} for ${target ?? 'master'} in ${artifacts.store.shown}`
  printNames(await artifacts.files(app, target), none, json, out)
  return 0
}
