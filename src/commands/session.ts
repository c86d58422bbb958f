/** Sessions of processes of their own: the shell, and the forced command of OpenSSH. */
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import type { HostOptions } from '../host.ts'
import type { BranchRef } from '../paths.ts'
import type { Session } from './command.ts'

/** The session of this process. SIGINT, SIGTERM and SIGHUP cancel what can be cancelled; {@link end} lets the process go. */
export function localSession(
  who: string,
  program: readonly string[],
  host: HostOptions,
): Session & { end(): void } {
  const cancel = new AbortController()
  const abort = (): void => cancel.abort()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of signals) process.on(name, abort)
  return {
    via: 'shell',
    who,
    address: '',
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    inherit: true,
    gitProtocol: process.env['GIT_PROTOCOL'],
    signal: cancel.signal,
    self: selfCommand(program, host),
    settleLater(ref) {
      // Whose home it is may only be known from the command line: `runRequest` passes on a session with another `self`.
      settleDetached(this.self, ref)
    },
    end: () => {
      for (const name of signals) process.off(name, abort)
    },
  }
}

/** argv that starts pypaas on this home and configuration, from any directory. Of options given twice, the last counts. */
export function selfCommand(program: readonly string[], { home, config }: HostOptions): string[] {
  return [
    ...program,
    ...(home === undefined ? [] : ['--home', resolve(home)]),
    ...(config === undefined ? [] : ['--config', resolve(config)]),
  ]
}

/** A process of its own, which the client does not wait for: it holds none of our streams. */
function settleDetached(self: readonly string[], { repo, branch }: BranchRef): void {
  const [program = '', ...args] = self
  spawn(program, [...args, 'settle', repo, branch], { detached: true, stdio: 'ignore' }).unref()
}
