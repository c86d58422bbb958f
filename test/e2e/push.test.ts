import { expect, test } from 'vitest'
import { createHost } from '../support/host.ts'

/** A server without dependencies that says which version it is. */
function server(version: string): string {
  return `
    import { createServer } from 'node:http'
    createServer((request, response) => response.end('${version}')).listen(process.env.PORT, '127.0.0.1')
  `
}

const repo = { branches: { main: { runners: { web: { type: 'NginxBackend', cmd: 'node server.mjs' } } } } }
const domain = { locations: { '/': { upstream: { repo: 'web', branch: 'main', runner: 'web' } } } }

test('a push puts an app live behind nginx, and the next push replaces it', async () => {
  const host = await createHost()
  await host.configure('repos/web.yml', repo)
  await host.configure('domains/web.test.yml', domain)
  await host.serve()
  const app = await host.app({ 'server.mjs': server('one') })

  const first = await app.git('push', host.url('web'), 'main')
  expect(first.stderr).toContain(`Live at http://web.test:${host.httpPort}/`)
  expect(first.status).toBe(0)
  expect(await host.get('web.test')).toMatchObject({ status: 200, body: 'one' })

  await app.commit({ 'server.mjs': server('two') })
  const second = await app.git('push', host.url('web'), 'main')
  expect(second.status).toBe(0)
  expect(await host.get('web.test')).toMatchObject({ status: 200, body: 'two' })

  const third = await app.git('push', host.url('web'), 'main')
  expect(third.stderr).toContain('Everything up-to-date')
  expect(await host.stop()).toEqual([])
})
