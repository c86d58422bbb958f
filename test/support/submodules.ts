/** Submodules of working copies, and a server that they come from. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { App } from './app.ts'
import { claimPortRange } from './ports.ts'
import { SOON } from './web.ts'

/** Serves the working copies beside this one over git's own protocol; returns the URL of their directory. */
export async function serveOverGit({ dir }: App): Promise<string> {
  const { min: port } = claimPortRange(1)
  const args = [
    '--reuseaddr',
    '--export-all',
    '--listen=127.0.0.1',
    `--port=${port}`,
    `--base-path=${dirname(dir)}`,
  ]
  // As `git daemon` it would be a child that a signal to git leaves behind.
  const daemon = spawn('git', ['daemon', ...args], { stdio: 'ignore', detached: true })
  const ended = once(daemon, 'exit')
  onTestFinished(async () => {
    process.kill(-(daemon.pid ?? 0), 'SIGTERM')
    await ended
  })
  await expect.poll(() => listens(port), SOON).toBe(true)
  return `git://127.0.0.1:${port}`
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/** Adds a submodule to a working copy and commits it. */
export async function addSubmodule(app: App, url: string, path: string): Promise<void> {
  const added = await app.git('-c', 'protocol.file.allow=always', 'submodule', 'add', '--quiet', url, path)
  if (added.status !== 0) throw new Error(added.stderr)
  await app.commit({})
}
