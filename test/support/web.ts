/** The site of most tests: the repo `web`, whose branch `main` answers on the domain `web.test`. */
import { expect } from 'vitest'
import type { App, Files, Result } from './app.ts'
import { domainWith, httpServer } from './apps.ts'
import { createHost, type Host } from './host.ts'

export const DOMAIN = 'web.test'

/** A server that answers every request with `text`. */
export function answering(text: string): string {
  return httpServer(JSON.stringify(text))
}

/** The file of a repo with one runner `web` on each of its branches. */
export function repoWith(
  branch: object = {},
  runner: object = {},
  names: readonly string[] = ['main'],
): object {
  const web = { type: 'NginxBackend', cmd: 'node server.mjs', ...runner }
  return { branches: Object.fromEntries(names.map((name) => [name, { runners: { web }, ...branch }])) }
}

/** For `expect.poll`: what has to come soon comes within this on a busy machine, too. Milliseconds. */
export const SOON = { timeout: 30_000, interval: 20 }

export interface Site {
  readonly host: Host
  readonly app: App
  /** Commits the changes, if there are any, and pushes to `main`. */
  readonly push: (changes?: Files) => Promise<Result>
  /** Changes the configuration of the repo. */
  readonly configure: (branch?: object, runner?: object) => Promise<void>
}

export interface SiteOptions {
  /** More of pypaas.yml. */
  readonly main?: object
  /** More of the branch's configuration, and of its runner's. */
  readonly branch?: object
  readonly runner?: object
  /** More files of the app. */
  readonly files?: Files
}

/** A host with the repo, the domain and a daemon, and an app that was not pushed yet. */
export async function createSite(options: SiteOptions = {}): Promise<Site> {
  const host = await createHost(options.main)
  const configure = (branch = {}, runner = {}): Promise<void> =>
    host.configure('repos/web.yml', repoWith(branch, runner))
  await configure(options.branch, options.runner)
  await host.configure(`domains/${DOMAIN}.yml`, domainWith('web'))
  await host.serve()
  const app = await host.app({ 'server.mjs': answering('one'), ...options.files })
  return {
    host,
    app,
    configure,
    async push(changes) {
      if (changes !== undefined) await app.commit(changes)
      return app.git('push', '--force', host.url('web'), 'main')
    },
  }
}

/** The same, with the app live; it answers `one`. */
export async function liveSite(options: SiteOptions = {}): Promise<Site> {
  const site = await createSite(options)
  const { status, stderr } = await site.push()
  expect(stderr).toContain('-----> Live')
  expect(status).toBe(0)
  return site
}
