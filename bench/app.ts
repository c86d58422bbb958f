/** Apps to push: working copies whose every commit answers with another version. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { execa } from 'execa'

export interface BenchApp {
  readonly dir: string
  /** Commits a new version and returns what it will answer. */
  next(): Promise<string>
  git(...args: string[]): Promise<string>
  /** Pushes `main`; resolves when git has ended. */
  push(url: string, ssh: string): Promise<void>
}

/** Files of an app that answers `version`, its `number`th. */
export type Source = (version: string, number: number) => Readonly<Record<string, string>>

const IDENTITY = {
  GIT_AUTHOR_NAME: 'bench',
  GIT_AUTHOR_EMAIL: 'bench@example.com',
  GIT_COMMITTER_NAME: 'bench',
  GIT_COMMITTER_EMAIL: 'bench@example.com',
}

/** @param dir is made */
export async function createApp(dir: string, source: Source): Promise<BenchApp> {
  await mkdir(dir, { recursive: true })
  const git = async (...args: string[]): Promise<string> =>
    (await execa('git', args, { cwd: dir, env: IDENTITY, stdin: 'ignore' })).stdout
  await git('init', '-q', '-b', 'main')
  const written = new Map<string, string>()
  let number = 0
  return {
    dir,
    git,
    async next() {
      const version = `version ${++number}`
      for (const [name, text] of Object.entries(source(version, number))) {
        if (written.get(name) === text) continue
        await mkdir(dirname(join(dir, name)), { recursive: true })
        await writeFile(join(dir, name), text)
        written.set(name, text)
      }
      await git('add', '-A')
      await git('commit', '-q', '-m', version)
      return version
    },
    async push(url, ssh) {
      await execa('git', ['push', '-q', url, 'HEAD:main'], {
        cwd: dir,
        env: { GIT_SSH_COMMAND: ssh },
        stdin: 'ignore',
      })
    },
  }
}

/** A server without dependencies. */
export const plainServer: Source = (version) => ({
  'server.mjs': `import { createServer } from 'node:http'
createServer((request, response) => response.end(${JSON.stringify(version)})).listen(process.env.PORT, '127.0.0.1')
`,
})
