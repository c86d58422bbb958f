/** Pushes that reach a repository by its path, without SSH: its hook starts a pypaas. */
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { holderOf } from '../../src/system/lock.ts'
import { liveRelease } from '../../src/system/state.ts'
import { domainWith } from '../support/apps.ts'
import { temporaryDirectory } from '../support/context.ts'
import { begun, holding, release } from '../support/hold.ts'
import { createHost, PYPAAS, type Host } from '../support/host.ts'
import { answering, DOMAIN, repoWith, SOON } from '../support/web.ts'

const main = { repo: 'web', branch: 'main' }

/** A pypaas as git's transport: what an SSH server would run. */
function through(pypaas: string, { home }: Host): string {
  return `ext::${process.execPath} ${pypaas} --home ${home} %S web`
}

const EXT = ['-c', 'protocol.ext.allow=always']

test('a push to the path of a repository deploys, and is rejected if that fails', async () => {
  const host = await createHost()
  await host.configure('repos/web.yml', repoWith())
  await host.configure(`domains/${DOMAIN}.yml`, domainWith('web'))
  await host.serve()
  const app = await host.app({ 'server.mjs': answering('one') })
  // The repository is made when somebody asks for it.
  expect((await app.git('ls-remote', host.url('web'))).status).toBe(0)

  const path = host.paths.repo('web')
  const first = await app.git('push', path, 'main')
  expect(first.stderr).toContain(`remote: -----> Live at http://${DOMAIN}:${host.httpPort}/`)
  expect(first.status).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })

  await app.commit({ 'server.mjs': 'process.exit(1)' })
  const second = await app.git('push', path, 'main')
  expect(second.stderr).toMatch(
    /The former release \S+ is still live\.[^]*! \[remote rejected\] main -> main/,
  )
  expect(second.status).not.toBe(0)
  const tag = await app.git('push', path, 'HEAD:refs/tags/v1')
  expect(tag.stderr).toContain('the tag v1 is not taken: only branches are deployed')
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
  expect(await host.stop()).toEqual([])
})

test('whoever changes the branch after a push by path waits until git has moved it', async () => {
  const host = await createHost({ nginx: { mode: 'none' } })
  await host.configure('repos/web.yml', repoWith())
  await host.serve()
  const app = await host.app({ 'server.mjs': answering('one') })
  expect((await app.git('ls-remote', host.url('web'))).status).toBe(0)
  const path = host.paths.repo('web')
  expect((await app.git('push', path, 'main')).status).toBe(0)
  const first = (await app.git('rev-parse', 'HEAD')).stdout

  // git's own hook between its decision to move a ref and the move (githooks(5)).
  const hook = join(path, 'hooks', 'reference-transaction')
  const text = `#!/bin/sh\n[ "$1" = prepared ] || exit 0\nHOME='${host.home}'\n${holding('move')}\n`
  await writeFile(hook, text, { mode: 0o755 })
  const second = await app.commit({ 'server.mjs': answering('two') })
  const push = app.start('push', path, 'main')
  await begun(host, 'move')
  const live = async (): Promise<string | undefined> => (await liveRelease(host.paths, main))?.commit
  expect(await live()).toBe(second)
  const rollback = host.pypaas('rollback', 'web', 'main')
  const holder = async (): Promise<string> => (await holderOf(host.paths.branchLock(main)))?.what ?? ''
  // Or what follows the deploy was faster, which waits as well.
  await expect.poll(holder, SOON).toMatch(/rollback|pruning/)
  await release(host, 'move')
  const { status, stderr } = await push.ended
  expect(status, stderr).toBe(0)
  expect(await rollback).toMatchObject({ status: 0, stderr: '' })
  expect(await live()).toBe(first)
  expect((await app.git('ls-remote', path, 'main')).stdout).toBe(`${first}\trefs/heads/main`)
  expect(await readdir(host.paths.moves)).toEqual([])
  expect(await host.stop()).toEqual([])
})

test('the hook follows when pypaas moves to another place', async () => {
  const host = await createHost({ nginx: { mode: 'none' } })
  await host.configure('repos/web.yml', repoWith())
  const app = await host.app({ 'server.mjs': answering('one') })
  const hook = join(host.paths.repo('web'), 'hooks', 'update')

  expect((await app.git(...EXT, 'ls-remote', through(PYPAAS, host))).status).toBe(0)
  expect(await readFile(hook, 'utf8')).toContain(` ${PYPAAS} --home ${host.home} git-update-hook web "$1"`)

  const place = join(await temporaryDirectory(), 'pypaas')
  const root = dirname(dirname(PYPAAS))
  for (const part of ['dist', 'templates']) await cp(join(root, part), join(place, part), { recursive: true })
  const moved = join(place, 'dist', 'pypaas.js')
  expect((await app.git(...EXT, 'push', through(moved, host), 'main')).status).toBe(0)
  expect(await readFile(hook, 'utf8')).toContain(` ${moved} --home ${host.home} git-update-hook web "$1"`)
  expect(await host.stop()).toEqual([])
})
