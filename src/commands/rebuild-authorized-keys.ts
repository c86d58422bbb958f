/** `.ssh/authorized_keys` from the keys in `.ssh/authorized_keys.d`. */
import { rebuildAuthorizedKeys } from '../ssh/authorized-keys.ts'
import { withLock } from '../system/lock.ts'
import type { Invocation } from './command.ts'
import { waitOf } from './wait.ts'

/** 1 if a key was left out. */
export async function run({ ctx, session, options, json, out, err }: Invocation): Promise<number> {
  const locking = {
    what: 'rebuild_authorized_keys',
    now: ctx.now(),
    wait: waitOf(options),
    signal: session.signal,
  }
  // Who waited reads the directory again: the last of two has what both have put there.
  const { path, keys, problems, kept } = await withLock(
    ctx.paths.runFile('authorized_keys.lock'),
    locking,
    () => rebuildAuthorizedKeys(ctx.paths, session.self),
  )
  const status = problems.some(({ leftOut }) => leftOut) ? 1 : 0
  if (json) {
    const names = keys.map(({ name, type }) => ({ name, type }))
    out.line(JSON.stringify({ path, keys: names, problems, kept }, null, 2))
    return status
  }
  for (const { file, line, message, hint } of problems) {
    err.line(`${file}${line === undefined ? '' : `:${line}`}: ${message}`)
    if (hint !== undefined) err.line(`        ${hint}`)
  }
  const people = new Set(keys.map(({ name }) => name))
  out.line(
    `${path}: ${keys.length} ${keys.length === 1 ? 'key' : 'keys'} of ${[...people].join(', ') || 'nobody'}`,
  )
  if (kept > 0) out.line(`${kept} ${kept === 1 ? 'line' : 'lines'} that pypaas did not write kept`)
  if (keys.length === 0) out.line(`put public keys into ${ctx.paths.authorizedKeysDir}/, a file a person`)
  return status
}
