import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer, type RawData } from 'ws'
import type { LiveBranch } from '../../src/nginx/upstreams.ts'
import { temporaryDirectory } from '../support/context.ts'
import {
  app,
  ask,
  backend,
  domainOf,
  freePorts,
  liveOf,
  nginxContext,
  raw,
  refOf,
  route,
  sayingApp,
  uwsgiBackend,
  WAYS,
} from './support.ts'

function textOf(data: RawData): string {
  return Buffer.isBuffer(data) ? data.toString('utf8') : ''
}

describe.each(WAYS)('switch: %s', (way) => {
  test('an app gets who asked for what, and nothing that the client made up', async () => {
    const ctx = await nginxContext([domainOf('app.test', { '/': 'web/node' })], {}, way)
    const { port } = await app(({ headers, httpVersion, rawHeaders }, response) =>
      response.end(JSON.stringify({ headers, httpVersion, rawHeaders })),
    )
    await route(ctx, [liveOf(ctx, 'web', [backend('node', [port])])])
    const host = `app.test:${ctx.config.main.nginx.http.port}`
    const { body } = await ask(ctx, 'app.test', {
      path: '/a%20b?c=d',
      headers: {
        Host: host,
        'X-Forwarded-For': '10.1.2.3',
        'X-Forwarded-Proto': 'https',
        'X-Real-IP': '10.1.2.3',
        Proxy: 'http://evil.test',
        Upgrade: 'h2c',
        Connection: 'Upgrade, HTTP2-Settings',
      },
    })
    const seen = JSON.parse(body) as Pick<IncomingMessage, 'headers' | 'httpVersion'>
    expect(seen.httpVersion).toBe('1.1')
    expect(seen.headers).toEqual({
      host,
      'x-real-ip': '127.0.0.1',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': host,
      'x-forwarded-port': String(ctx.config.main.nginx.http.port),
      'x-request-start': expect.stringMatching(/^t=\d{10}\.\d{3}$/),
    })
  })

  test('a client of HTTP/1.0 without a Host header reaches no app, and one with it does', async () => {
    const ctx = await nginxContext([domainOf('app.test', { '/': 'web/node' })], {}, way)
    const port = await sayingApp('hello')
    await route(ctx, [liveOf(ctx, 'web', [backend('node', [port])])])
    const { http } = ctx.config.main.nginx
    expect(await raw(http.port, 'GET / HTTP/1.0\r\n\r\n')).toBe('')
    expect(await raw(http.port, 'GET / HTTP/1.0\r\nHost: app.test\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 200 OK[^]*hello$/,
    )
  })

  test('an unknown host is answered by closing', async () => {
    const ctx = await nginxContext([domainOf('app.test', { '/': 'web/node' })], {}, way)
    await route(ctx, [])
    expect(await raw(ctx.config.main.nginx.http.port, 'GET / HTTP/1.1\r\nHost: other.test\r\n\r\n')).toBe('')
  })

  test('a WebSocket goes through', async () => {
    const ctx = await nginxContext([domainOf('app.test', { '/': 'web/node' })], {}, way)
    const { port, server } = await app((_, response) => response.end('plain'))
    new WebSocketServer({ server }).on('connection', (socket) => {
      socket.on('message', (data) => socket.send(`echo ${textOf(data)}`))
    })
    await route(ctx, [liveOf(ctx, 'web', [backend('node', [port])])])
    const client = new WebSocket(`ws://127.0.0.1:${ctx.config.main.nginx.http.port}/`, {
      headers: { Host: 'app.test' },
    })
    onTestFinished(() => client.terminate())
    const answer = await new Promise((resolve, reject) => {
      client.on('open', () => client.send('hello'))
      client.on('message', (data) => resolve(textOf(data)))
      client.on('error', reject)
    })
    expect(answer).toBe('echo hello')
    expect((await ask(ctx, 'app.test')).body).toBe('plain')
  })

  test("the operator's keepalive keeps connections to the app, and the operator's gzip goes before ours", async () => {
    const extra = { nginxExtraUpstreamConfig: 'keepalive 32;\n', nginxExtraConfig: 'gzip off;\n' }
    const changes = { nginxHttpExtraConfig: 'gzip on;\n' }
    const ctx = await nginxContext(
      [
        domainOf('plain.test', { '/': 'web/node' }, changes),
        domainOf('packed.test', { '/': 'other/node' }, changes),
      ],
      {},
      way,
    )
    const sockets = new Set<unknown>()
    const { port } = await app(({ socket }, response) => {
      sockets.add(socket)
      response.setHeader('Content-Type', 'text/plain')
      response.end('x'.repeat(5000))
    })
    const routed = await route(ctx, [
      liveOf(ctx, 'web', [backend('node', [port], extra)]),
      liveOf(ctx, 'other', [backend('node', [port])]),
    ])
    expect(routed.blocked).toEqual([])
    // One client connection is always with one worker, which has its own pool.
    const client = connect(ctx.config.main.nginx.http.port, '127.0.0.1')
    onTestFinished(() => void client.destroy())
    for (let count = 0; count < 5; count++) {
      let got = ''
      const answered = new Promise<void>((resolve) => {
        client.on('data', function listen(chunk) {
          got += String(chunk)
          if (!got.endsWith('x\r\n0\r\n\r\n') && !/\r\n\r\nx{5000}$/.test(got)) return
          client.off('data', listen)
          resolve()
        })
      })
      client.write('GET / HTTP/1.1\r\nHost: plain.test\r\nAccept-Encoding: gzip\r\n\r\n')
      await answered
      expect(got).not.toMatch(/content-encoding/i)
    }
    expect(sockets.size).toBe(1)
    const packed = await ask(ctx, 'packed.test', { headers: { 'Accept-Encoding': 'gzip' } })
    expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' })
  })

  test("headers in the operator's texts replace ours of that name and leave the others", async () => {
    const ctx = await nginxContext(
      [
        domainOf(
          'app.test',
          { '/': 'web/node', '/plain/': 'plain/node' },
          { nginxHttpExtraConfig: 'proxy_set_header X-Tier gold;\nproxy_set_header X-Real-IP "";\n' },
        ),
      ],
      {},
      way,
    )
    const { port } = await app(({ headers }, response) => response.end(JSON.stringify(headers)))
    const extra = 'proxy_set_header x-forwarded-for $proxy_add_x_forwarded_for;\nproxy_read_timeout 5s;\n'
    await route(ctx, [
      liveOf(ctx, 'web', [backend('node', [port], { nginxExtraConfig: extra })]),
      liveOf(ctx, 'plain', [backend('node', [port])]),
    ])
    const sent = { headers: { 'X-Forwarded-For': '10.1.2.3', 'X-Real-IP': '10.1.2.3' } }
    const own = JSON.parse((await ask(ctx, 'app.test', sent)).body) as Record<string, string>
    const plain = JSON.parse((await ask(ctx, 'app.test', { ...sent, path: '/plain/' })).body) as Record<
      string,
      string
    >
    expect(own).toMatchObject({
      host: 'app.test',
      'x-forwarded-for': '10.1.2.3, 127.0.0.1',
      'x-tier': 'gold',
    })
    expect(plain).toMatchObject({ host: 'app.test', 'x-forwarded-for': '127.0.0.1', 'x-tier': 'gold' })
    expect([own['x-real-ip'], plain['x-real-ip']]).toEqual([undefined, undefined])
  })

  test('two domains on one repo, two repos on one domain, a path behind the proxy', async () => {
    const ctx = await nginxContext(
      [
        domainOf('one.test', { '/': 'web/node', '/api/': 'api/node' }),
        domainOf('two.test', { '/': 'web/node' }),
      ],
      {},
      way,
    )
    const { port: web } = await app(({ url }, response) => response.end(`web ${url}`))
    const { port: api } = await app(({ url }, response) => response.end(`api ${url}`))
    await route(ctx, [
      liveOf(ctx, 'web', [backend('node', [web])]),
      liveOf(ctx, 'api', [backend('node', [api], { nginxProxyPath: '/v1/' })]),
    ])
    expect((await ask(ctx, 'one.test', { path: '/x' })).body).toBe('web /x')
    expect((await ask(ctx, 'one.test', { path: '/api/x' })).body).toBe('api /v1/x')
    expect((await ask(ctx, 'two.test', { path: '/api/x' })).body).toBe('web /api/x')
  })

  test('one process that is gone takes no request with it', async () => {
    const ctx = await nginxContext([domainOf('app.test', { '/': 'web/node' })], {}, way)
    const dead = await app(() => {})
    await new Promise((resolve) => dead.server.close(resolve))
    const port = await sayingApp('alive')
    await route(ctx, [liveOf(ctx, 'web', [backend('node', [dead.port, port])])])
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => ask(ctx, 'app.test', { method: 'POST' })),
    )
    expect(answers.map(({ body }) => body)).toEqual(Array.from({ length: 8 }, () => 'alive'))
  })

  test('a branch without a release, or in maintenance, is answered by the 503 page', async () => {
    const ctx = await nginxContext(
      [
        domainOf('new.test', { '/': 'new/node' }),
        domainOf('busy.test', { '/': 'web/node', '/gone/': 'other/gone' }),
      ],
      {},
      way,
    )
    const port = await sayingApp('hello')
    await route(ctx, [
      liveOf(ctx, 'new', [], { release: undefined }),
      liveOf(ctx, 'web', [backend('node', [port])], { maintenance: true }),
      liveOf(ctx, 'other', [backend('node', [port])]),
    ])
    for (const [host, path] of [
      ['new.test', '/'],
      ['busy.test', '/deep/page'],
      ['busy.test', '/gone/'],
    ] as const) {
      const answer = await ask(ctx, host, { path, method: 'POST' })
      expect(answer.status).toBe(503)
      expect(answer.headers).toMatchObject({
        'retry-after': '30',
        'cache-control': 'no-store',
        'content-type': 'text/html; charset=utf-8',
      })
      expect(answer.body).toContain('<h1>Back in a moment</h1>')
    }
  })

  test('while nothing runs of what never runs twice, the 503 page answers, and the pages of the operator stand', async () => {
    const pages = 'error_page 404 /missing;\nlocation = /missing { return 200 ours; }\n'
    const own = 'error_page 502 =418 /down;\nlocation = /down { return 418 down; }\n'
    const locations = { '/': 'bot/node', '/web/': 'web/node', '/none': 'new/node' }
    const ctx = await nginxContext(
      [
        domainOf('app.test', locations, { nginxHttpExtraConfig: pages }),
        domainOf('own.test', { '/': 'bot/node' }, { nginxHttpExtraConfig: own }),
      ],
      {},
      way,
    )
    const [gone, other] = [await app(() => {}), await app(() => {})]
    for (const { server } of [gone, other]) await new Promise((resolve) => server.close(resolve))
    const bot = (port: number): LiveBranch =>
      liveOf(ctx, 'bot', [
        backend('node', [port], {
          strategy: 'stop_first',
          nginxExtraConfig: 'if ($arg_miss) { return 404; }\n',
        }),
      ])
    const web = liveOf(ctx, 'web', [backend('node', [other.port])])
    await route(ctx, [bot(gone.port), web])
    const answer = await ask(ctx, 'app.test', { path: '/any', method: 'POST' })
    expect(answer).toMatchObject({
      status: 503,
      headers: {
        'retry-after': '30',
        'cache-control': 'no-store',
        'content-type': 'text/html; charset=utf-8',
      },
    })
    expect(answer.body).toContain('<h1>Back in a moment</h1>')
    expect(await ask(ctx, 'app.test', { path: '/any?miss=1' })).toMatchObject({ body: 'ours' })
    expect(await ask(ctx, 'app.test', { path: '/web/' })).toMatchObject({ status: 502 })
    expect(await ask(ctx, 'own.test')).toMatchObject({ status: 418, body: 'down' })
    // What the app itself answers is its own affair.
    const failing = await app((_, response) => response.writeHead(502).end('mine'))
    await route(ctx, [bot(failing.port), web])
    expect(await ask(ctx, 'app.test')).toMatchObject({ status: 502, body: 'mine' })
  })

  test('in maintenance, the maintenance upstream answers unless it is in maintenance too', async () => {
    const location = { path: '/', upstream: refOf('web/node'), maintenanceUpstream: refOf('page/node') }
    const ctx = await nginxContext([domainOf('app.test', { '/': location })], {}, way)
    const web = liveOf(ctx, 'web', [backend('node', [await sayingApp('app')])])
    const page = liveOf(ctx, 'page', [backend('node', [await sayingApp('we are working')])])
    const bodies = []
    for (const live of [
      [web, page],
      [{ ...web, maintenance: true }, page],
      [
        { ...web, maintenance: true },
        { ...page, maintenance: true },
      ],
    ]) {
      await route(ctx, live)
      bodies.push((await ask(ctx, 'app.test')).body.replace(/[^]*<h1>/, ''))
    }
    expect(bodies).toEqual(['app', 'we are working', expect.stringMatching(/^Back in a moment/)])
  })

  test('an app of uwsgi gets the request as CGI variables', async () => {
    const directory = await temporaryDirectory()
    await writeFile(
      join(directory, 'app.py'),
      [
        "KEYS = ['REQUEST_METHOD', 'PATH_INFO', 'QUERY_STRING', 'HTTP_HOST', 'HTTP_X_FORWARDED_PROTO', 'HTTP_X_REAL_IP', 'HTTP_PROXY']",
        'def application(environ, start_response):',
        "    start_response('200 OK', [('Content-Type', 'text/plain')])",
        "    return [' '.join(str(environ.get(key)) for key in KEYS).encode()]",
        '',
      ].join('\n'),
    )
    const [port] = await freePorts()
    const listen = ['--plugin', 'python3', '--socket', `127.0.0.1:${port}`]
    const uwsgi = spawn('uwsgi', [...listen, '--wsgi-file', 'app.py', '--die-on-term', '--master'], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    onTestFinished(async () => {
      const ended = once(uwsgi, 'exit')
      uwsgi.kill('SIGTERM')
      await ended
    })
    let said = ''
    for await (const chunk of uwsgi.stderr) {
      said += String(chunk)
      if (said.includes('spawned uWSGI worker 1')) break
    }
    expect(said).toContain('spawned uWSGI worker 1')
    const ctx = await nginxContext([domainOf('app.test', { '/': 'web/py' })], {}, way)
    await route(ctx, [liveOf(ctx, 'web', [uwsgiBackend('py', [port])])])
    const { body } = await ask(ctx, 'app.test', {
      path: '/a/b?c=d',
      headers: { Proxy: 'x', 'X-Real-IP': '10.1.2.3' },
    })
    expect(body).toBe('GET /a/b c=d app.test http 127.0.0.1 None')
  })
})
