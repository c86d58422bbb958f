/** Makes an artifact of a revision of a git repository. */
import { buildArtifact } from '../../artifact/build.ts'
import { parseFormat } from '../../artifact/format.ts'
import { replaceFile } from '../../system/files.ts'
import { checkKey, signFile } from '../../artifact/signature.ts'
import type { Invocation } from '../command.ts'
import { textOf } from './options.ts'
import { bytes } from '../text.ts'

export async function run({ ctx, session, args, options, json, out, err }: Invocation): Promise<number> {
  const begin = performance.now()
  const request = {
    source: args[0] ?? '.',
    rev: textOf(options, 'rev'),
    version: textOf(options, 'version'),
    output: textOf(options, 'output') ?? 'dist',
    format: parseFormat(textOf(options, 'format') ?? 'tar.gz'),
    prebuildScript: textOf(options, 'prebuildScript'),
    postbuildScript: textOf(options, 'postbuildScript'),
    download: options['download'] !== false,
    cwd: process.cwd(),
  }
  const key = textOf(options, 'sign')
  if (key !== undefined) await checkKey(key)
  const { path, size, sha256, info } = await buildArtifact(ctx, request, err, session.signal)
  const signature = key === undefined ? undefined : `${path}.sig`
  if (key !== undefined && signature !== undefined) await replaceFile(signature, await signFile(path, key))
  const seconds = Number(((performance.now() - begin) / 1000).toFixed(1))
  if (json) {
    const { name, version, platform, commit } = info
    out.line(
      JSON.stringify({ path, size, sha256, seconds, name, version, platform, commit, signature }, null, 2),
    )
    return 0
  }
  out.line(path)
  out.line(`${bytes(size)}, SHA-256 ${sha256}, in ${seconds} s`)
  if (signature !== undefined) out.line(`signed: ${signature}`)
  return 0
}
