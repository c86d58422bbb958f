/** What the figures were measured on. */
import { cpus, loadavg, release, totalmem } from 'node:os'
import { execa } from 'execa'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  /** Bytes. */
  readonly memory: number
  readonly kernel: string
  readonly node: string
  readonly nginx: string
  readonly git: string
  readonly openssh: string
  /** Processes that wanted to run in the minute before: figures of a busy machine mean little. */
  readonly load: number
}

export async function machineFacts(): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory: totalmem(),
    kernel: release(),
    node: process.versions.node,
    nginx: await versionOf(['nginx', '-v'], /nginx\/(\S+)/),
    git: await versionOf(['git', '--version'], /version (\S+)/),
    openssh: await versionOf(['ssh', '-V'], /OpenSSH_([^ ,]+)/),
    load: loadavg()[0] ?? 0,
  }
}

async function versionOf([program = '', ...args]: readonly string[], pattern: RegExp): Promise<string> {
  const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` }
  const { all } = await execa(program, args, { all: true, reject: false, env })
  return pattern.exec(all)?.[1] ?? 'unknown'
}
