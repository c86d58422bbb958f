/** A developer's working copy: files, commits, pushes with the real git. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { onTestFinished } from 'vitest'
import { temporaryDirectory } from './context.ts'

export interface App {
  readonly dir: string
  /** Writes files (undefined removes one; a value with `mode` sets it) and commits them. Returns the commit. */
  commit(files: Files, message?: string): Promise<string>
  git(...args: string[]): Promise<Result>
  /** Starts git and does not wait for it. Ended with the test. */
  start(...args: string[]): RunningGit
}

export interface RunningGit {
  readonly ended: Promise<Result>
  /** Kills git and its ssh at once, as happens to the programs of a computer that is switched off. */
  kill(): void
  /** What it has said on its standard error so far. */
  said(): string
}

export type Files = Readonly<
  Record<string, string | { readonly content: string; readonly mode: number } | undefined>
>

export interface Result {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** A new working copy on the branch `main` with one commit. `env` is for all of its git commands. */
export async function createApp(files: Files, env: Record<string, string> = {}): Promise<App> {
  const dir = await temporaryDirectory()
  const git = async (...args: string[]): Promise<Result> => {
    const { exitCode, stdout, stderr } = await execa('git', args, {
      cwd: dir,
      reject: false,
      env: { ...IDENTITY, ...env },
      stdin: 'ignore',
    })
    return { status: exitCode ?? 255, stdout, stderr }
  }
  const start = (...args: string[]): RunningGit => {
    const child = execa('git', args, {
      cwd: dir,
      reject: false,
      env: { ...IDENTITY, ...env },
      stdin: 'ignore',
      detached: true,
      forceKillAfterDelay: false,
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    const ended = child.then(({ exitCode, stdout, stderr }) => ({ status: exitCode ?? 255, stdout, stderr }))
    let running = true
    void ended.finally(() => (running = false))
    const kill = (): void => {
      if (running && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }
    onTestFinished(async () => {
      kill()
      await ended
    })
    return { ended, kill, said: () => said }
  }
  await git('init', '-q', '-b', 'main')
  const app: App = {
    dir,
    git,
    start,
    async commit(changes, message = 'a change') {
      for (const [name, change] of Object.entries(changes)) {
        const path = join(dir, name)
        if (change === undefined) {
          await rm(path, { recursive: true })
          continue
        }
        await mkdir(dirname(path), { recursive: true })
        const { content, mode } = typeof change === 'string' ? { content: change, mode: 0o644 } : change
        await writeFile(path, content, { mode })
      }
      await git('add', '-A')
      const { status, stderr } = await git('commit', '-q', '--allow-empty', '-m', message)
      if (status !== 0) throw new Error(stderr)
      return (await git('rev-parse', 'HEAD')).stdout
    },
  }
  await app.commit(files, 'first')
  return app
}

const IDENTITY = {
  GIT_AUTHOR_NAME: 'A Developer',
  GIT_AUTHOR_EMAIL: 'dev@example.com',
  GIT_COMMITTER_NAME: 'A Developer',
  GIT_COMMITTER_EMAIL: 'dev@example.com',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
}
