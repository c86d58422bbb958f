/** sshd on loopback, for pushes to pypaas and for those to a plain repository beside it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import { freePorts } from './ports.ts'
import type { Ends } from './subject.ts'

/**
 * Starts a sshd of our own.
 * @param directory for its files
 * @param keys says what a login may run
 */
export async function startSshd(
  directory: string,
  keys: string,
  ends: Ends,
): Promise<{ readonly port: number; end(): Promise<void> }> {
  const [port = 0] = await freePorts(1)
  const hostKey = join(directory, `sshd-${port}`)
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey])
  const config = `${hostKey}.conf`
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${keys}`,
    'PidFile none',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
    // Twenty pushes at once; by default every third login beyond ten is turned away.
    'MaxStartups 100',
  ]
  await writeFile(config, `${lines.join('\n')}\n`)
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true })
  const { stdout: program } = await execa('sh', ['-c', 'PATH=$PATH:/usr/sbin command -v sshd'])
  const child = spawn(program, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  const end = ends.add(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill()
    await once(child, 'exit')
  })
  for await (const line of createInterface({ input: child.stderr })) {
    if (line.includes('Server listening')) break
  }
  child.stderr.resume()
  return { port, end }
}
