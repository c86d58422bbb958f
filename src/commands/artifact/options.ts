/** What the commands `artifact …` share: their rows, their options, and what these come to. */
import type { Context } from '../../context.ts'
import type { Artifacts } from '../../store/artifacts.ts'
import type { ArtifactRef } from '../../store/versions.ts'
import type { Invocation } from '../command.ts'

/** They touch no deploy, and a build server has no configuration. */
export const ROW = { ssh: false, right: 'host', json: true, unconfigured: true, recovers: false } as const

type Option = readonly [flags: string, help: string]

export const WHICH: readonly [Option, Option] = [
  ['--target <name>', 'for which target, for example staging (default: master)'],
  ['--artifact <name>', 'which file of the app (default: <app>.tar.gz)'],
]

export const STORE: Option = [
  '--store <where>',
  'a directory or s3://bucket/prefix, instead of the configured one',
]

/** The artifact that the arguments and options name. */
export function refOf({ args, options }: Pick<Invocation, 'args' | 'options'>): ArtifactRef {
  return { app: args[0] ?? '', target: textOf(options, 'target'), artifact: textOf(options, 'artifact') }
}

/** An option's text; undefined if it is not given. */
export function textOf(options: Invocation['options'], name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

export async function repositoryOf(ctx: Context, options: Invocation['options']): Promise<Artifacts> {
  const { openArtifacts } = await import('../../store/open.ts')
  return openArtifacts(ctx, { store: textOf(options, 'store') })
}
