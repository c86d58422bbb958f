/** A project that is released, in a working copy of its own. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../../src/context.ts'
import type { ReleaseRequest } from '../../src/releasing/release.ts'
import { DEFAULT_S3 } from '../../src/store/open.ts'
import { createApp, type App, type Files } from '../support/app.ts'
import { mainConfig, temporaryDirectory, testContext } from '../support/context.ts'

export interface Project {
  readonly app: App
  /** Of the user who releases; its repository of artifacts is a directory. */
  readonly ctx: Context
  readonly store: string
  readonly request: ReleaseRequest
  /** Tags, commits, and what there is of artifacts: all that a failure must leave as it was. */
  readonly state: () => Promise<object>
}

export const PACKAGE = '{"name": "shop", "version": "1.0.0"}\n'

export async function createProject(files: Files = {}): Promise<Project> {
  const app = await createApp({ 'package.json': PACKAGE, 'server.js': 'serve()\n', ...files })
  const store = join(await temporaryDirectory(), 'store')
  await mkdir(store)
  const artifacts = {
    store: { kind: 'directory', path: store },
    allowedSigners: undefined,
    s3: DEFAULT_S3,
  } as const
  const ctx = await testContext({ main: mainConfig({ artifacts }) })
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: ctx.paths.home,
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_AUTHOR_NAME: 'A Developer',
    GIT_AUTHOR_EMAIL: 'dev@example.com',
    GIT_COMMITTER_NAME: 'A Developer',
    GIT_COMMITTER_EMAIL: 'dev@example.com',
  }
  const request = {
    cwd: app.dir,
    env,
    version: undefined,
    test: undefined,
    to: undefined,
    store: undefined,
    target: undefined,
    remote: undefined,
    sign: undefined,
  }
  return {
    app,
    ctx,
    store,
    request,
    async state() {
      const { openArtifacts } = await import('../../src/store/open.ts')
      return {
        refs: (await app.git('for-each-ref')).stdout,
        status: (await app.git('status', '--porcelain')).stdout,
        versions: await (await openArtifacts(ctx)).versions({ app: 'shop' }),
      }
    },
  }
}
