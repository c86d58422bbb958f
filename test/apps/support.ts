/** A repository of artifacts in a directory, and deploys from it to a temporary home. */
import { join } from 'node:path'
import { deployApp, rollBackApp } from '../../src/apps/deploy.ts'
import type { Install } from '../../src/apps/install.ts'
import { packTree } from '../../src/artifact/pack.ts'
import type { MainConfig } from '../../src/config/types.ts'
import type { Context } from '../../src/context.ts'
import { artifactsOf, type Artifacts } from '../../src/store/artifacts.ts'
import { directoryStore } from '../../src/store/directory.ts'
import { recorded, writeFiles, type Recorded } from '../build/support.ts'
import { mainConfig, temporaryDirectory, testContext } from '../support/context.ts'

export type Files = Parameters<typeof writeFiles>[1]

/** The app that the tests install. */
export const APP = { app: 'shop', target: 'master' }

export interface Shop {
  readonly ctx: Context
  readonly artifacts: Artifacts
  readonly output: Recorded
  /** Where the app is. */
  readonly places: ReturnType<Context['paths']['app']>
  /** Puts a version with these files, packed as any program would. */
  put(version: string, files: Files): Promise<void>
  /** Installs it (default: the latest). Returns the version. */
  deploy(version?: string, changes?: Partial<Install>): Promise<string>
  rollBack(version?: string): Promise<void>
}

/** A home with nothing installed, and a repository with nothing in it. */
export async function createShop(main: Partial<MainConfig> = {}): Promise<Shop> {
  const ctx = await testContext({ main: mainConfig(main) })
  const artifacts = artifactsOf(await directoryStore(await temporaryDirectory()))
  const output = recorded()
  let clock = Date.parse('2026-01-01T00:00:00Z')
  const install: Install = {
    // Each deploy has a time of its own.
    ctx: { ...ctx, now: () => new Date((clock += 1000)) },
    app: APP,
    branch: undefined,
    by: 'alice',
    output,
    signal: new AbortController().signal,
  }
  return {
    ctx: install.ctx,
    artifacts,
    output,
    places: ctx.paths.app(APP),
    async put(version, files) {
      const directory = await temporaryDirectory()
      await writeFiles(join(directory, 'files'), files)
      const archive = join(directory, 'made.tar.gz')
      await packTree(join(directory, 'files'), archive, 'tar.gz')
      await artifacts.put({ app: APP.app, version }, archive, {})
    },
    deploy: (version, changes = {}) =>
      deployApp({ ...install, ...changes }, artifacts, { artifact: 'shop.tar.gz', version }),
    rollBack: (version) => rollBackApp(install, version),
  }
}
