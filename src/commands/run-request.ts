/** Runs a parsed request: opens the context, loads the command, turns failures into two lines and a status. */
import { messageOf, PypaasError, systemFailure } from '../errors.ts'
import { openContext, type HostOptions } from '../host.ts'
import { streamOutput, type Output } from '../system/output.ts'
import type { Session } from './command.ts'
import { recover } from './recover.ts'
import { parseRequest } from './request.ts'
import { selfCommand } from './session.ts'

/**
 * Runs one command line of a session.
 * @returns the exit status: 0 done, 1 failed, 2 usage or configuration, 3 not allowed, 4 busy
 */
export async function runRequest(
  words: readonly string[],
  session: Session,
  host: HostOptions,
): Promise<number> {
  const out = streamOutput(session.stdout)
  const err = streamOutput(session.stderr)
  try {
    const request = parseRequest(words, session.via)
    if (request.kind === 'help') {
      for (const line of request.text.trimEnd().split('\n')) (request.status === 0 ? out : err).line(line)
      return request.status
    }
    const { spec, args, options, global } = request
    const { json = false, ...named } = global
    const ctx = await openContext({ ...host, ...named, unconfigured: spec.unconfigured === true })
    const { run } = await spec.load()
    const here = { ...session, self: selfCommand(session.self, named) }
    if (spec.recovers !== false) await recover(ctx, here)
    return await run({ ctx, session: here, args, options, json, out, err })
  } catch (error) {
    return printFailure(error, err)
  }
}

/** Expected failures are two lines, those of the host among them; a bug shows its stack. Returns the exit status. */
export function printFailure(thrown: unknown, err: Output): number {
  const error = thrown instanceof PypaasError ? thrown : systemFailure(thrown)
  if (error === undefined) {
    err.line(
      `pypaas: unexpected error: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown)}`,
    )
    return 1
  }
  if (error.reported) return error.exitStatus
  err.line(`pypaas: ${error.where === undefined ? '' : `${error.where}: `}${error.message}`)
  for (const line of error.output) err.line(`        | ${line}`)
  if (error.hint !== undefined) err.line(`        ${error.hint}`)
  return error.exitStatus
}
