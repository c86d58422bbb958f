/** The forced command of authorized_keys (sshd(8)): runs what the client asked for, as this key. */
import { findConfigDir } from '../config/load.ts'
import { commandForLog } from '../ssh/session.ts'
import { runSshCommand } from './run-ssh-command.ts'
import type { Invocation } from './command.ts'

export async function run({ ctx, session, args: [key = ''] }: Invocation): Promise<number> {
  // SSH_CONNECTION: client address, client port, server address, server port (ssh(1)).
  const address = (process.env['SSH_CONNECTION'] ?? '').split(' ')[0] ?? ''
  const command = process.env['SSH_ORIGINAL_COMMAND'] ?? ''
  const { dir } = ctx.config
  // Where there is no configuration, none is handed on: then the command that was asked for says so.
  const none = ctx.paths.configCandidates.includes(dir) && (await findConfigDir([dir])) === undefined
  const host = { home: ctx.paths.home, log: ctx.log, ...(none ? {} : { config: dir }) }
  const status = await runSshCommand(command, { ...session, via: 'ssh', who: key, address }, host)
  ctx.log.info({ key, address, command: commandForLog(command), status }, 'SSH command ended')
  return status
}
