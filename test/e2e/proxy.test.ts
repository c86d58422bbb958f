/** What goes through nginx to an app and back: headers, the operator's settings, large bodies. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { domainWith } from '../support/apps.ts'
import { createHost, type Host } from '../support/host.ts'
import { DOMAIN, repoWith } from '../support/web.ts'

/** Answers GET with its headers, or with as many bytes as `?bytes=` says; POST with the digest of what came. */
const ECHO = `
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
createServer(async (request, response) => {
  const bytes = Number(new URL(request.url, 'http://app').searchParams.get('bytes'))
  if (bytes > 0) return response.end(Buffer.alloc(bytes, 'pypaas '))
  if (request.method === 'GET') return response.end(JSON.stringify(request.headers))
  const digest = createHash('sha256')
  for await (const chunk of request) digest.update(chunk)
  response.end(digest.digest('hex'))
}).listen(process.env.PORT, '127.0.0.1')
`

async function echoing(runner: object = {}, domain: object = {}): Promise<Host> {
  const host = await createHost()
  await host.configure('repos/web.yml', repoWith({}, runner))
  await host.configure(`domains/${DOMAIN}.yml`, { ...domainWith('web'), ...domain })
  await host.serve()
  const app = await host.app({ 'server.mjs': ECHO })
  const { status, stderr } = await app.git('push', host.url('web'), 'main')
  expect(stderr).toContain('-----> Live')
  expect(status).toBe(0)
  return host
}

async function post({ httpPort }: Host, body: Buffer): Promise<{ status: number; body: Buffer }> {
  const headers = { host: DOMAIN, 'content-length': body.length }
  const asked = request({ host: '127.0.0.1', port: httpPort, method: 'POST', headers, agent: false })
  // nginx refuses what is too large before it has read it.
  asked.on('error', () => {})
  asked.end(body)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, body: await buffer(response) }
}

test("an app hears who asked for what, and the operator's texts are in force", async () => {
  const host = await echoing(
    {
      nginx_extra_config: `add_header X-Shown-By "runner" always;\nproxy_set_header X-Tenant "acme";`,
      nginx_extra_upstream_config: 'keepalive 4;',
    },
    { nginx_http_extra_config: 'add_header X-Served-By "domain" always;' },
  )
  const { headers, body } = await host.get(DOMAIN, '/', { 'x-forwarded-for': '10.1.2.3', accept: 'a/b' })
  expect(JSON.parse(body)).toMatchObject({
    host: DOMAIN,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-port': String(host.httpPort),
    'x-real-ip': '127.0.0.1',
    'x-request-start': expect.stringMatching(/^t=\d+\.\d+$/) as string,
    'x-tenant': 'acme',
    accept: 'a/b',
  })
  expect(headers).toMatchObject({ 'x-shown-by': 'runner', 'x-served-by': 'domain' })
  expect(await host.stop()).toEqual([])
})

test('large bodies go both ways, as large as the operator allows', async () => {
  const host = await echoing({}, { nginx_http_extra_config: 'client_max_body_size 30m;' })
  const upload = Buffer.alloc(20 * 1024 * 1024, 'abc')
  const answer = await post(host, upload)
  expect([answer.status, answer.body.toString()]).toEqual([
    200,
    createHash('sha256').update(upload).digest('hex'),
  ])
  expect(await post(host, Buffer.alloc(31 * 1024 * 1024))).toMatchObject({ status: 413 })

  const size = 40 * 1024 * 1024
  const download = await host.get(DOMAIN, `/?bytes=${size}`)
  expect([download.status, download.body.length]).toEqual([200, size])
  expect(await host.stop()).toEqual([])
})
