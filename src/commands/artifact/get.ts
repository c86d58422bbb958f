/** Fetches a version of an app, checked. */
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Invocation } from '../command.ts'
import { bytes } from '../text.ts'
import { refOf, repositoryOf, textOf } from './options.ts'
import { progressOn } from './progress.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { ctx, session, args, options, json, out } = invocation
  const artifacts = await repositoryOf(ctx, options)
  const ref = refOf(invocation)
  const file = await fileFor(textOf(options, 'output') ?? '.', ref.artifact ?? `${ref.app}.tar.gz`)
  const progress = progressOn(session.stderr, () => ctx.now())
  const { version, meta, signedBy } = await artifacts
    .get({ ...ref, version: args[1] }, file, {
      signal: session.signal,
      ...(progress === undefined ? {} : { progress: progress.step }),
    })
    .finally(() => progress?.end())
  if (json)
    out.line(JSON.stringify({ app: ref.app, version, file, signedBy: signedBy ?? null, meta }, null, 2))
  else {
    const by = signedBy === undefined ? '' : `, signed by ${signedBy}`
    out.line(`${ref.app} ${version}: ${file}, ${bytes(meta.size)}, SHA-256 ${meta.sha256}${by}`)
  }
  return 0
}

/** In a directory that is there, it keeps its own name. */
async function fileFor(output: string, name: string): Promise<string> {
  const path = resolve(output)
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() === true ? join(path, name) : path
}
