import { expect, test } from 'vitest'
import { domainWith, httpServer, repoWithRunners } from '../support/apps.ts'
import { createHost } from '../support/host.ts'

function files(version: string): Record<string, string> {
  return {
    'backend/server.mjs': httpServer(
      '`${request.url} ${process.env.PORT} ${version}`',
      `const version = '${version}'`,
    ),
    'frontend/page.html': `page ${version}`,
  }
}

test('a repo with two runners serves processes and files of one commit, and both switch together', async () => {
  const host = await createHost()
  const api = { type: 'NginxBackend', cmd: 'cd backend && node server.mjs', process_count: 2 }
  const pages = { type: 'NginxStatic', subdirectory: 'frontend/dist' }
  const hooks = { after_build: 'mkdir frontend/dist && cp frontend/page.html frontend/dist/index.html' }
  await host.configure('repos/shop.yml', repoWithRunners({ api, pages }, { hooks }))
  await host.configure('domains/shop.test.yml', domainWith('shop', { '/': 'pages', '/api/': 'api' }))
  await host.serve()

  const app = await host.app(files('one'))
  const first = await app.git('push', host.url('shop'), 'main')
  expect(first.stderr).toContain('Starting 2 processes')
  expect(first.status).toBe(0)

  const asked = async (): Promise<string[]> => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => host.get('shop.test', '/api/items')))
    return [...new Set(answers.map(({ body }) => body))].toSorted()
  }
  const listed = await host.pypaas('status', '--json')
  const [{ processes }] = JSON.parse(listed.stdout) as [{ processes: { runner: string; port: number }[] }]
  expect(processes.map(({ runner }) => runner)).toEqual(['api', 'api'])
  const ports = processes.map(({ port }) => port)
  // Requests go to both processes.
  expect(await asked()).toEqual(ports.map((port) => `/api/items ${port} one`))
  expect((await host.get('shop.test')).body).toBe('page one')

  await app.commit(files('two'))
  expect((await app.git('push', host.url('shop'), 'main')).status).toBe(0)
  expect((await host.get('shop.test')).body).toBe('page two')
  for (const answer of await asked()) expect(answer).toMatch(/^\/api\/items \d+ two$/)
  expect(await host.stop()).toEqual([])
})
