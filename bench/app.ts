/** Apps to push: working copies whose every commit answers with another version. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'

export interface BenchApp {
  readonly dir: string
  /** Commits a new version and returns what it will answer. */
  next(): Promise<string>
  /** Pushes `main`; resolves when git has ended. */
  push(url: string, ssh: string): Promise<void>
}

/** Files of an app that answers `version`. */
export type Source = (version: string) => Readonly<Record<string, string>>

export async function createApp(source: Source): Promise<BenchApp> {
  const dir = await mkdtemp(join(tmpdir(), 'pypaas-bench-app-'))
  const env = {
    GIT_AUTHOR_NAME: 'bench',
    GIT_AUTHOR_EMAIL: 'bench@example.com',
    GIT_COMMITTER_NAME: 'bench',
    GIT_COMMITTER_EMAIL: 'bench@example.com',
  }
  const git = (...args: string[]) => execa('git', args, { cwd: dir, env, stdin: 'ignore' })
  await git('init', '-q', '-b', 'main')
  let number = 0
  return {
    dir,
    async next() {
      const version = `version ${++number}`
      for (const [name, text] of Object.entries(source(version))) {
        await mkdir(dirname(join(dir, name)), { recursive: true })
        await writeFile(join(dir, name), text)
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
