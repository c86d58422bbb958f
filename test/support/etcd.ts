/** A real etcd on loopback, ended with the test. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { temporaryDirectory } from './context.ts'
import { claimPortRange } from './ports.ts'
import { onTestFinished } from 'vitest'

export interface EtcdServer {
  readonly url: string
  /** Stops it from answering, as a network that is cut does. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

export async function startEtcd(): Promise<EtcdServer> {
  const dir = await temporaryDirectory()
  const { min } = claimPortRange(2)
  const url = `http://127.0.0.1:${min}`
  const peer = `http://127.0.0.1:${min + 1}`
  const args = {
    name: 'one',
    'data-dir': dir,
    'listen-client-urls': url,
    'advertise-client-urls': url,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `one=${peer}`,
    'log-level': 'error',
  }
  const child = spawn(
    'etcd',
    Object.entries(args).flatMap(([name, value]) => [`--${name}`, value]),
    { stdio: ['ignore', 'ignore', 'pipe'], cwd: dir },
  )
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(child, 'close')
  const stop = async (): Promise<void> => {
    child.kill('SIGCONT')
    child.kill('SIGKILL')
    await ended
  }
  onTestFinished(stop)
  while ((await fetch(`${url}/health`).catch(() => undefined))?.status !== 200) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`etcd has ended:\n${said}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    url,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    stop,
  }
}
