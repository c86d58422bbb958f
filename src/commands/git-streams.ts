/** A session's streams as git's end of the connection. */
import type { GitStreams } from '../git/transport.ts'
import type { Session } from './command.ts'

/** A process of our own hands its streams to git, so that the objects do not pass through us. */
export function gitStreams({ inherit, stdin, stdout, stderr }: Session): GitStreams {
  return inherit ? 'inherit' : { stdin, stdout, stderr }
}
