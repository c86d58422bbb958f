import { readdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { liveRelease } from '../../src/system/state.ts'
import { domainWith, repoWithRunners } from '../support/apps.ts'
import { createHost, type Host } from '../support/host.ts'
import { addSubmodule, serveOverGit } from '../support/submodules.ts'

async function staticHost(): Promise<Host> {
  const host = await createHost()
  await host.configure('repos/site.yml', repoWithRunners({ files: { type: 'NginxStatic' } }))
  await host.configure('domains/site.test.yml', domainWith('site', { '/': 'files' }))
  await host.serve()
  return host
}

async function gitDirectories(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true })
  return entries.filter((entry) => basename(entry) === '.git')
}

test('submodules are checked out, theirs too, and no .git stays', async () => {
  const host = await staticHost()
  const inner = await host.app({ 'inner.txt': 'inner one' })
  const base = await serveOverGit(inner)
  const outer = await host.app({ 'outer.txt': 'outer one' })
  await addSubmodule(outer, `${base}/${basename(inner.dir)}`, 'inner')
  const app = await host.app({ 'index.html': 'site' })
  await addSubmodule(app, `${base}/${basename(outer.dir)}`, 'vendor/outer')

  const first = await app.git('push', host.url('site'), 'main')
  expect(first.stderr).toContain('Live at')
  expect((await host.get('site.test', '/vendor/outer/outer.txt')).body).toBe('outer one')
  expect((await host.get('site.test', '/vendor/outer/inner/inner.txt')).body).toBe('inner one')
  const ref = { repo: 'site', branch: 'main' }
  const live = await liveRelease(host.paths, ref)
  expect(await gitDirectories(host.paths.checkout(ref, live?.checkout ?? ''))).toEqual([])

  // A submodule moves with the commit that is pushed, not with its own branch.
  await outer.commit({ 'outer.txt': 'outer two' })
  await app.commit({ 'index.html': 'site two' })
  expect((await app.git('push', host.url('site'), 'main')).status).toBe(0)
  expect((await host.get('site.test', '/vendor/outer/outer.txt')).body).toBe('outer one')
  await app.git('submodule', 'update', '--quiet', '--remote', 'vendor/outer')
  await app.commit({})
  expect((await app.git('push', host.url('site'), 'main')).status).toBe(0)
  expect((await host.get('site.test', '/vendor/outer/outer.txt')).body).toBe('outer two')
  expect(await host.stop()).toEqual([])
})

test('submodules on the file system of the host are refused, nested ones too', async () => {
  const host = await staticHost()
  const library = await host.app({ 'lib.txt': 'text' })
  const base = await serveOverGit(library)
  const refused = async (url: string, what: string): Promise<void> => {
    const app = await host.app({ 'index.html': 'site' })
    await addSubmodule(app, library.dir, 'lib')
    await app.git('config', '--file', '.gitmodules', 'submodule.lib.url', url)
    await app.commit({})
    const { status, stderr } = await app.git('push', '--force', host.url('site'), 'main')
    expect(stderr).toContain(`the submodule lib has the URL ${url}: ${what}, which is not allowed`)
    expect(stderr).toContain('give it an https:// or ssh URL that this host can reach')
    expect(status).toBe(1)
  }
  await refused(library.dir, 'a path on this host')
  await refused(`file://${library.dir}`, 'a path on this host')
  await refused('../site', 'a URL relative to this repository, hence a path on this host')

  const outer = await host.app({ 'outer.txt': 'outer' })
  await addSubmodule(outer, library.dir, 'lib')
  const app = await host.app({ 'index.html': 'site' })
  await addSubmodule(app, `${base}/${basename(outer.dir)}`, 'outer')
  const nested = await app.git('push', host.url('site'), 'main')
  expect(nested.stderr).toContain('the submodules cannot be fetched')
  expect(nested.stderr).toContain("transport 'file' not allowed")
  expect(nested.stderr).toContain('a submodule has a submodule with a path')
  expect(nested.status).toBe(1)
  expect((await host.get('site.test')).status).toBe(503)
  expect(await readdir(host.paths.checkoutsOf({ repo: 'site', branch: 'main' }))).toEqual([])
  expect(await host.stop()).toEqual([])
})
