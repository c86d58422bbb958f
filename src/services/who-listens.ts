/** Whether a port is held by the process that it was given to. */
import { listeners, listenersOf, type Listener } from '../system/listeners.ts'
import { processTable, withDescendants } from '../system/process-table.ts'

export interface WhoListens {
  /** The process, or one below it, listens on the port where 127.0.0.1 reaches it. */
  readonly itself: boolean
  /** Somebody does. */
  readonly anybody: boolean
  /** Where the process and those below it listen instead. */
  readonly elsewhere: readonly Listener[]
}

/** Who listens on the port that the process with this pid was given. */
export function whoListens(pid: number, port: number): WhoListens {
  const all = listeners()
  const onPort = all.filter((listener) => listener.port === port && isReached(listener))
  // Most often it is the process itself, and then the other processes need not be looked at.
  if (listenersOf([pid], onPort).length > 0) return { itself: true, anybody: true, elsewhere: [] }
  const below = withDescendants([pid], processTable())
  return {
    itself: listenersOf(below, onPort).length > 0,
    anybody: onPort.length > 0,
    elsewhere: listenersOf(below, all),
  }
}

/** Whether a connection to 127.0.0.1 reaches it. */
function isReached({ address }: Listener): boolean {
  return ['127.0.0.1', '0.0.0.0', '::', '::ffff:7f00:1'].includes(address)
}
