import { readFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryDirectory } from '../support/context.ts'
import {
  ask,
  backend,
  certificate,
  domainOf,
  liveOf,
  nginxContext,
  route,
  sayingApp,
  withDomains,
} from './support.ts'

async function secureSite(changes = {}) {
  const directory = await temporaryDirectory()
  const { crt, key } = await certificate(directory, 'safe.test')
  const ssl = { ssl: true, sslCertificate: crt, sslCertificateKey: key }
  const ctx = await nginxContext([
    domainOf('safe.test', { '/': 'web/node' }, { ...ssl, ...changes }),
    domainOf('plain.test', { '/': 'web/node' }),
  ])
  const port = await sayingApp('hello')
  const live = [liveOf(ctx, 'web', [backend('node', [port])])]
  return { ctx, live, crt, key, ssl }
}

function handshake(port: number, options: object): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
    onTestFinished(() => void socket.destroy())
    socket.on('secureConnect', () => resolve(socket))
    socket.on('error', reject)
  })
}

test('a domain with TLS answers over it, and plain requests are sent there', async () => {
  const { ctx, live, crt } = await secureSite()
  expect((await route(ctx, live)).blocked).toEqual([])
  const { port } = ctx.config.main.nginx.https
  const secure = await ask(ctx, 'safe.test', { https: true })
  expect(secure.body).toBe('hello')
  expect(secure.headers['strict-transport-security']).toBe('max-age=63072000')
  const plain = await ask(ctx, 'safe.test', { path: '/a?b=c', method: 'POST' })
  expect([plain.status, plain.headers.location]).toEqual([301, `https://safe.test:${port}/a?b=c`])
  const socket = await handshake(port, {
    servername: 'safe.test',
    ca: await readFile(crt),
    rejectUnauthorized: true,
  })
  expect([socket.authorized, socket.getProtocol()]).toEqual([true, 'TLSv1.3'])
  expect((await ask(ctx, 'plain.test')).body).toBe('hello')
})

test('the 503 page over TLS keeps the headers of the server', async () => {
  const { ctx, live } = await secureSite()
  await route(
    ctx,
    live.map((branch) => ({ ...branch, maintenance: true })),
  )
  const { status, headers } = await ask(ctx, 'safe.test', { https: true })
  expect(status).toBe(503)
  expect(headers).toMatchObject({ 'retry-after': '30', 'strict-transport-security': 'max-age=63072000' })
})

test('HTTP/2 is spoken over TLS', async () => {
  const { ctx, live } = await secureSite()
  await route(ctx, live)
  const session = connectHttp2(`https://127.0.0.1:${ctx.config.main.nginx.https.port}`, {
    rejectUnauthorized: false,
    servername: 'safe.test',
  })
  onTestFinished(() => session.destroy())
  const stream = session.request({ ':path': '/', ':authority': 'safe.test' })
  let body = ''
  for await (const chunk of stream) body += String(chunk)
  expect([session.alpnProtocol, body]).toEqual(['h2', 'hello'])
})

test('an unknown name is refused in the handshake, and so are old versions of TLS', async () => {
  const { ctx, live } = await secureSite()
  await route(ctx, live)
  const { port } = ctx.config.main.nginx.https
  await expect(handshake(port, { servername: 'other.test' })).rejects.toThrow(/unrecognized name/i)
  await expect(
    handshake(port, {
      servername: 'safe.test',
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'ALL@SECLEVEL=0',
    }),
  ).rejects.toThrow(/protocol version/i)
  const old = await handshake(port, { servername: 'safe.test', maxVersion: 'TLSv1.2' })
  expect(old.getCipher().name).toBe('ECDHE-ECDSA-AES128-GCM-SHA256')
})

test('ssl_config replaces the profile, and {domain} in it stands for the domain', async () => {
  const { ctx, live } = await secureSite()
  const sslConfig = 'ssl_protocols TLSv1.2;\nadd_header X-Domain {domain};\n'
  const changed = { ...ctx, config: { ...ctx.config, main: { ...ctx.config.main, sslConfig } } }
  expect((await route(changed, live)).blocked).toEqual([])
  const { headers } = await ask(changed, 'safe.test', { https: true })
  expect(headers['x-domain']).toBe('safe.test')
  expect(headers['strict-transport-security']).toBeUndefined()
  const socket = await handshake(ctx.config.main.nginx.https.port, { servername: 'safe.test' })
  expect(socket.getProtocol()).toBe('TLSv1.2')
})

test('a mistake in ssl_config changes nothing and names the key', async () => {
  const { ctx, live } = await secureSite()
  await route(ctx, live)
  const sslConfig = 'ssl_protocols TLSv1.2;\nssl_protocol TLSv1.3;\n'
  const changed = { ...ctx, config: { ...ctx.config, main: { ...ctx.config.main, sslConfig } } }
  await expect(route(changed, live)).rejects.toThrow(
    'nginx refuses its configuration: unknown directive "ssl_protocol" (pypaas.yml ssl_config, line 2)',
  )
  expect((await ask(ctx, 'safe.test', { https: true })).body).toBe('hello')
})

test("a missing certificate blocks its domain, names the file, and leaves the domain's former state", async () => {
  const { ctx, live, ssl } = await secureSite()
  await route(ctx, live)
  const next = withDomains(ctx, [
    domainOf('safe.test', { '/': 'web/node' }, { ...ssl, sslCertificate: '/nowhere/safe.crt' }),
    domainOf('new.test', { '/': 'web/node' }, { ...ssl, sslCertificateKey: '/nowhere/new.key' }),
    domainOf('third.test', { '/': 'web/node' }),
  ])
  const { blocked } = await route(next, live)
  expect(blocked.toSorted((a, b) => a.domain.localeCompare(b.domain))).toEqual([
    {
      domain: 'new.test',
      refs: [{ repo: 'web', branch: 'main' }],
      reason:
        'cannot load the certificate key /nowhere/new.key: No such file or directory (domains/new.test.yml ssl_certificate_key)',
    },
    {
      domain: 'safe.test',
      refs: [{ repo: 'web', branch: 'main' }],
      reason:
        'cannot load the certificate /nowhere/safe.crt: No such file or directory (domains/safe.test.yml ssl_certificate)',
    },
  ])
  expect((await ask(ctx, 'safe.test', { https: true })).body).toBe('hello')
  expect((await ask(ctx, 'third.test')).body).toBe('hello')
})

test('stapling is set up only with a chain file', async () => {
  const { ctx, live, crt, ssl } = await secureSite()
  const chained = withDomains(ctx, [
    domainOf('safe.test', { '/': 'web/node' }, { ...ssl, sslCertificateChain: crt }),
  ])
  expect((await route(chained, live)).blocked).toEqual([])
  const text = await readFile(`${ctx.paths.nginxFiles}/domain+safe.test.conf`, 'utf8')
  expect(text).toContain(
    `    ssl_stapling on;\n    ssl_stapling_verify on;\n    ssl_trusted_certificate ${crt};\n`,
  )
  await route(ctx, live)
  expect(await readFile(`${ctx.paths.nginxFiles}/domain+safe.test.conf`, 'utf8')).not.toContain('stapling')
})

test("a location in the operator's http text is answered without the redirect", async () => {
  const { ctx, live } = await secureSite({
    nginxHttpExtraConfig: 'location /.well-known/acme-challenge/ { return 200 "proof"; }\n',
  })
  await route(ctx, live)
  expect((await ask(ctx, 'safe.test', { path: '/.well-known/acme-challenge/x' })).body).toBe('proof')
  expect((await ask(ctx, 'safe.test')).status).toBe(301)
})
