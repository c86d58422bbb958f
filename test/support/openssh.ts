/** A host's second entrance: a real sshd with the authorized_keys that pypaas writes. */
import { join } from 'node:path'
import { createApp, type App, type Files, type Result } from './app.ts'
import { temporaryDirectory } from './context.ts'
import { run, type Host } from './host.ts'
import { gitSshCommand, sshOptions, startSshd } from './ssh.ts'

export interface OpenSsh {
  /** `GIT_SSH_COMMAND` and the like, for git commands of one's own. */
  readonly env: Readonly<Record<string, string>>
  /** A repo's address in the short form, for git. */
  readonly url: (repo: string) => string
  /** A working copy whose pushes go through sshd. */
  readonly app: (files: Files) => Promise<App>
  /** Runs a command as a user types it. */
  readonly ssh: (...command: string[]) => Promise<Result>
}

/** Writes authorized_keys and starts sshd. The host's home has to be a `safeDirectory`. */
export async function openSshOf(host: Host): Promise<OpenSsh> {
  const rebuilt = await host.pypaas('rebuild_authorized_keys')
  if (rebuilt.status !== 0) throw new Error(rebuilt.stderr)
  const dir = await temporaryDirectory()
  const sshd = await startSshd({ dir, authorizedKeys: host.paths.authorizedKeys, strictModes: true })
  const key = { file: join(host.home, 'client-key'), line: '' }
  const knownHosts = join(dir, 'known_hosts')
  const env = { GIT_SSH_COMMAND: gitSshCommand(key, sshd.port, knownHosts) }
  return {
    env,
    url: (repo) => `${sshd.user}@127.0.0.1:${repo}`,
    app: (files) => createApp(files, env),
    ssh: (...command) =>
      run('ssh', [...sshOptions(key, sshd.port, knownHosts), `${sshd.user}@127.0.0.1`, ...command]),
  }
}
