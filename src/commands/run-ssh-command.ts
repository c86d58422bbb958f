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
  // As people type it, and `release --remote` does, who cannot know whether there is a shell.
  const asked = words[0] === 'pypaas' ? words.slice(1) : words
  if (asked.length > 0) return runRequest(asked, session, host)
  streamOutput(session.stdout).line(
    `Hello ${session.who}. There is no shell here, but your key can do this:\n`,
  )
  return runRequest(['help'], session, host)
}
