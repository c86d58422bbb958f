import { readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { domainWith, repoWithRunners } from '../support/apps.ts'
import { createHost, run, type Host } from '../support/host.ts'

/** Pids of the workers that take requests: not of those that a reload has told to end. */
async function nginxWorkers(host: Host): Promise<string[]> {
  const master = (await readFile(join(host.paths.run, 'nginx', 'nginx.pid'), 'utf8')).trim()
  return (await run('pgrep', ['-P', master, '-f', '^nginx: worker process$'])).stdout.split('\n').toSorted()
}

test('a static site is served by nginx, which needs no reload for a new version', async () => {
  const host = await createHost()
  const files = { type: 'NginxStatic', subdirectory: 'public' }
  await host.configure('repos/site.yml', repoWithRunners({ files }))
  await host.configure('domains/site.test.yml', domainWith('site', { '/': 'files' }))
  await host.serve()
  expect((await host.get('site.test')).status).toBe(503)

  const app = await host.app({
    'public/index.html': '<p>one</p>',
    'public/style.css': 'p { color: green }',
    'public/.env': 'SECRET=1',
    'public/.git-like/config': 'secret',
    'public/.well-known/security.txt': 'mailto:security@example.com',
    'server.mjs': 'not below public',
  })
  await symlink('/etc/passwd', join(app.dir, 'public', 'passwd'))
  await app.commit({})
  const first = await app.git('push', host.url('site'), 'main')
  expect(first.stderr).toContain(`Live at http://site.test:${host.httpPort}/`)
  expect(first.status).toBe(0)

  const statusOf = async (path: string): Promise<number> => (await host.get('site.test', path)).status
  expect(await host.get('site.test')).toMatchObject({ status: 200, body: '<p>one</p>' })
  const style = await host.get('site.test', '/style.css')
  expect(style).toMatchObject({ status: 200, headers: { 'content-type': 'text/css' } })
  expect(await statusOf('/.env')).toBe(404)
  expect(await statusOf('/.git-like/config')).toBe(404)
  expect(await statusOf('/%2eenv')).toBe(404)
  expect(await statusOf('/.well-known/security.txt')).toBe(200)
  expect(await statusOf('/passwd')).toBe(403)
  expect(await statusOf('/../server.mjs')).toBe(400)
  expect(await statusOf('/server.mjs')).toBe(404)

  const workers = await nginxWorkers(host)
  expect(workers[0]).toMatch(/^\d+$/)
  await app.commit({ 'public/index.html': '<p>two</p>', 'public/style.css': undefined })
  expect((await app.git('push', host.url('site'), 'main')).status).toBe(0)
  expect((await host.get('site.test')).body).toBe('<p>two</p>')
  expect(await statusOf('/style.css')).toBe(404)
  expect(await nginxWorkers(host)).toEqual(workers)
  expect(await host.stop()).toEqual([])
})
