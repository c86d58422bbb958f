/** Stores a file as a version of an app. */
import { access, readFile } from 'node:fs/promises'
import { PypaasError } from '../../errors.ts'
import { SIGNATURE } from '../../store/artifacts.ts'
import { withoutArmour } from '../../store/signed.ts'
import type { Invocation } from '../command.ts'
import { bytes } from '../text.ts'
import { refOf, repositoryOf } from './options.ts'
import { progressOn } from './progress.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { ctx, session, args, options, json, out } = invocation
  const [app = '', version = '', file = ''] = args
  const artifacts = await repositoryOf(ctx, options)
  const meta = { ...metaOf(options['meta']), ...(await signatureOf(file)) }
  const progress = progressOn(session.stderr, () => ctx.now())
  const stored = await artifacts
    .put({ ...refOf(invocation), version }, file, meta, {
      signal: session.signal,
      ...(progress === undefined ? {} : { progress: progress.step }),
    })
    .finally(() => progress?.end())
  const latest = await artifacts.latest(refOf(invocation))
  if (json) out.line(JSON.stringify({ app, version, latest, meta: stored }, null, 2))
  else {
    out.line(`${app} ${version}: ${bytes(stored.size)}, SHA-256 ${stored.sha256}`)
    if (latest !== version) out.line(`latest is still ${latest ?? 'none'}, which is newer`)
  }
  return 0
}

/** `name=value` words of the command line. */
function metaOf(words: unknown): Record<string, string> {
  const meta: Record<string, string> = {}
  for (const word of Array.isArray(words) ? words.map(String) : []) {
    const at = word.indexOf('=')
    const name = word.slice(0, at)
    if (at < 1 || name === 'sha256' || name === 'size' || name === SIGNATURE) {
      throw new PypaasError('usage', `${JSON.stringify(word)} cannot be kept as metadata`, {
        hint: 'expected `name=value`; `sha256`, `size` and `signature` are made by pypaas',
      })
    }
    meta[name] = word.slice(at + 1)
  }
  return meta
}

/** What `artifact sign` has put beside the file. */
async function signatureOf(file: string): Promise<Record<string, string>> {
  const path = `${file}.sig`
  const isThere = await access(path).then(
    () => true,
    () => false,
  )
  return isThere ? { [SIGNATURE]: withoutArmour(await readFile(path, 'utf8')) } : {}
}
