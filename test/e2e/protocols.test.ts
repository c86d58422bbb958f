import { once } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { domainWith, registryAccess, repoWithRunners } from '../support/apps.ts'
import { createHost } from '../support/host.ts'

test('a WebSocket app is reached through nginx, headers and messages alike', async () => {
  const host = await createHost()
  await host.configure(
    'repos/chat.yml',
    repoWithRunners({ web: { type: 'NginxBackend', cmd: 'node server.cjs' } }, { env: registryAccess() }),
  )
  await host.configure('domains/chat.test.yml', domainWith('chat'))
  await host.serve()
  const app = await host.app({
    'package.json': JSON.stringify({ dependencies: { ws: '^8.18.0' } }),
    'server.cjs': `
      const { WebSocketServer } = require('ws')
      new WebSocketServer({ host: '127.0.0.1', port: process.env.PORT }).on('connection', (socket, request) => {
        socket.send(\`\${request.headers.host} \${request.headers['x-forwarded-proto']} \${request.url}\`)
        socket.on('message', (data, binary) => socket.send(data, { binary }))
      })
    `,
  })
  const pushed = await app.git('push', host.url('chat'), 'main')
  expect(pushed.stderr).toContain('$ npm install')
  expect(pushed.status).toBe(0)

  const socket = new WebSocket(`ws://127.0.0.1:${host.httpPort}/room?name=a%20b`, {
    headers: { host: 'chat.test' },
  })
  try {
    const [greeting] = (await once(socket, 'message')) as [Buffer]
    expect(greeting.toString()).toBe('chat.test http /room?name=a%20b')
    const large = Buffer.alloc(300_000, 'äöü')
    socket.send(large)
    const [echoed, binary] = (await once(socket, 'message')) as [Buffer, boolean]
    expect(binary).toBe(true)
    expect(echoed.equals(large)).toBe(true)
    socket.close(4000, 'enough')
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
    expect([code, reason.toString()]).toEqual([4000, 'enough'])
  } finally {
    socket.terminate()
  }
  expect(await host.stop()).toEqual([])
})

/** A WSGI app that tells what of the request has arrived. */
function wsgi(version: string): string {
  return `
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    names = ["HTTP_HOST", "PATH_INFO", "QUERY_STRING", "wsgi.url_scheme", "HTTP_X_MINE", "HTTP_X_FORWARDED_FOR"]
    return ["|".join(["${version}"] + [environ.get(name, "none") for name in names]).encode()]
`
}

test('a uwsgi app gets the request as it came to nginx', async () => {
  const host = await createHost()
  const web = {
    type: 'UwsgiNginxBackend',
    cmd: 'uwsgi --plugin python3 --socket 127.0.0.1:$PORT --wsgi-file app.py --master --processes 2 --die-on-term --need-app',
  }
  await host.configure('repos/wsgi.yml', repoWithRunners({ web }))
  await host.configure('domains/wsgi.test.yml', domainWith('wsgi'))
  await host.serve()
  const app = await host.app({ 'app.py': wsgi('one') })
  const first = await app.git('push', host.url('wsgi'), 'main')
  expect(first.stderr).toContain('Live at')
  const { status, body } = await host.get('wsgi.test', '/a%20b/c?d=e&f', {
    'x-mine': 'yes',
    proxy: 'http://evil/',
  })
  expect([status, body]).toEqual([200, 'one|wsgi.test|/a b/c|d=e&f|http|yes|127.0.0.1'])

  await app.commit({ 'app.py': wsgi('two') })
  expect((await app.git('push', host.url('wsgi'), 'main')).status).toBe(0)
  expect((await host.get('wsgi.test')).body).toMatch(/^two\|/)

  await app.commit({ 'app.py': 'import nothing_of_this_name\n' })
  const third = await app.git('push', host.url('wsgi'), 'main')
  expect(third.stderr).toContain("No module named 'nothing_of_this_name'")
  expect(third.status).toBe(1)
  expect((await host.get('wsgi.test')).body).toMatch(/^two\|/)
  expect(await host.stop()).toEqual([])
})
