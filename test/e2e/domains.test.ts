/** Domains: what is shown where, and what a mistake in one of them does to the others. */
import { join } from 'node:path'
import { connect } from 'node:http2'
import { get } from 'node:https'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { certificate } from '../nginx/support.ts'
import { domainWith, httpServer } from '../support/apps.ts'
import { createHost, type Host } from '../support/host.ts'
import { answering, DOMAIN, repoWith } from '../support/web.ts'

/** Deploys a repo with one runner `web` on its branch `main`. */
async function deploy(host: Host, repo: string, server: string, runner: object = {}): Promise<void> {
  await host.configure(`repos/${repo}.yml`, repoWith({}, runner))
  const app = await host.app({ 'server.mjs': server })
  const { status, stderr } = await app.git('push', host.url(repo), 'main')
  expect(stderr).toContain('-----> Live')
  expect(status).toBe(0)
}

function upstream(repo: string): object {
  return { upstream: { repo, branch: 'main', runner: 'web' } }
}

test('two domains show one repo, one domain shows two, and others are not answered', async () => {
  const host = await createHost()
  await host.configure('domains/one.test.yml', domainWith('site'))
  await host.configure('domains/two.test.yml', {
    locations: { '/': upstream('site'), '/api/': upstream('api'), '/soon': upstream('later') },
  })
  await host.configure('repos/later.yml', repoWith())
  await host.serve()
  await deploy(host, 'site', httpServer('`site ${request.url}`'))
  await deploy(host, 'api', httpServer('`api ${request.url}`'), { nginx_proxy_path: '/v1/' })

  expect(await host.get('one.test', '/a?b=c')).toMatchObject({ status: 200, body: 'site /a?b=c' })
  expect(await host.get('one.test', '/api/x')).toMatchObject({ status: 200, body: 'site /api/x' })
  expect(await host.get('two.test', '/a?b=c')).toMatchObject({ status: 200, body: 'site /a?b=c' })
  expect(await host.get('two.test', '/api/x?y')).toMatchObject({ status: 200, body: 'api /v1/x?y' })
  const soon = await host.get('two.test', '/soon')
  expect([soon.status, soon.headers['retry-after']]).toEqual([503, '30'])
  await expect(host.get('three.test')).rejects.toThrow('socket hang up')
  const { stdout } = await host.ssh('list')
  const at = `http://two.test:${host.httpPort}`
  expect(stdout).toMatch(new RegExp(`^later main\\n    not deployed yet\\n    ${at}/soon$`, 'm'))
  expect(await host.stop()).toEqual([])
})

test('a domain with TLS answers over HTTP/2 and 1.1, and plain requests are sent there', async () => {
  const host = await createHost()
  const { crt, key } = await certificate(host.home, 'safe.test')
  const files = { ssl_certificate: crt, ssl_certificate_key: key }
  await host.configure('domains/safe.test.yml', { ...domainWith('site'), ssl: true, ...files })
  await host.configure(`domains/${DOMAIN}.yml`, domainWith('site'))
  await host.serve()
  await deploy(host, 'site', httpServer(`request.headers['x-forwarded-proto']`))

  const { stdout } = await host.ssh('list')
  const url = `https://safe.test:${host.httpsPort}/`
  expect(stdout).toContain(`    ${url}`)
  const plain = await host.get('safe.test', '/a?b')
  expect([plain.status, plain.headers['location']]).toEqual([301, `${url}a?b`])
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'http' })

  const tls = { rejectUnauthorized: false, servername: 'safe.test' }
  const headers = { host: 'safe.test' }
  const [old] = (await once(
    get({ host: '127.0.0.1', port: host.httpsPort, agent: false, headers, ...tls }),
    'response',
  )) as [IncomingMessage]
  expect([old.httpVersion, await text(old)]).toEqual(['1.1', 'https'])
  const session = connect(`https://127.0.0.1:${host.httpsPort}`, tls)
  const stream = session.request({ ':path': '/', ':authority': 'safe.test' })
  expect([await text(stream), session.alpnProtocol]).toEqual(['https', 'h2'])
  session.close()
  await once(session, 'close')
  expect(await host.stop()).toEqual([])
})

test('a mistake in one domain leaves it as it was, and stops only the branches that it shows', async () => {
  const host = await createHost()
  await host.configure('domains/one.test.yml', domainWith('one'))
  await host.configure('domains/two.test.yml', domainWith('two'))
  await host.serve()
  await deploy(host, 'one', answering('one'))
  await deploy(host, 'two', answering('two'))

  // nginx's own mistake: the branch that the domain shows cannot be deployed, the others can.
  const extra = { nginx_http_extra_config: 'gzip off;\nnonsense on;' }
  await host.configure('domains/one.test.yml', { ...domainWith('one'), ...extra })
  const app = await host.app({ 'server.mjs': answering('one again') })
  const refused = await app.git('push', '--force', host.url('one'), 'main')
  expect(refused.status).not.toBe(0)
  expect(refused.stderr).toContain(
    'nginx refuses the domain one.test: unknown directive "nonsense" (domains/one.test.yml nginx_http_extra_config, line 2)',
  )
  expect(refused.stderr).toContain('correct domains/one.test.yml on the host, then push again')
  await deploy(host, 'three', answering('three'))
  expect(await host.get('one.test')).toMatchObject({ status: 200, body: 'one' })

  // A file that is no YAML: what nginx has of the domain stays, and shows new releases.
  await host.configure('domains/one.test.yml', 'locations: {"/": ')
  await host.configure('domains/three.test.yml', domainWith('three'))
  const pushed = await app.git('push', '--force', host.url('one'), 'main')
  expect(pushed.status).toBe(0)
  expect(await host.get('one.test')).toMatchObject({ status: 200, body: 'one again' })
  expect(await host.get('two.test')).toMatchObject({ status: 200, body: 'two' })
  expect(await host.get('three.test')).toMatchObject({ status: 200, body: 'three' })
  const check = await host.pypaas('check')
  expect(check.status).toBe(2)
  expect(check.stderr).toContain(`${join(host.home, 'config', 'domains', 'one.test.yml')}:1:`)
  expect(await host.stop()).toEqual([])
})
