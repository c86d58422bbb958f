/** Runs the command line of an SSH client, for either entrance. */
import { PypaasError } from '../errors.ts'
import type { HostOptions } from '../host.ts'
import { parseCommandLine } from '../ssh/request.ts'
import { streamOutput } from '../system/output.ts'
import type { Session } from './command.ts'
import { printFailure, runRequest } from './run-request.ts'

/** A login without a command is told what it can do. Returns the exit status. */
export async function runSshCommand(line: string, session: Session, host: HostOptions): Promise<number> {
  let words: string[]
  try {
    words = parseCommandLine(line)
  } catch (error) {
    if (!(error instanceof PypaasError)) throw error
    return printFailure(error, streamOutput(session.stderr))
  }
  if (words.length > 0) return runRequest(words, session, host)
  streamOutput(session.stdout).line(
    `Hello ${session.who}. There is no shell here, but your key can do this:\n`,
  )
  return runRequest(['help'], session, host)
}
