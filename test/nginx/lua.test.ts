/** What only the switch in nginx's memory has. What it has in common with the reload is tested for both. */
import { once } from 'node:events'
import { readdir, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { Agent, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { cpus } from 'node:os'
import { spawn } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { Context } from '../../src/context.ts'
import { readPorts, requestsInFlight } from '../../src/nginx/dictionary.ts'
import { stagePorts } from '../../src/nginx/direct.ts'
import { awaitDrained } from '../../src/nginx/drain.ts'
import { ensureNginx, nginxRunning, reloadManaged, stopNginx } from '../../src/nginx/managed.ts'
import { servingWorkersOf, workersOf } from '../../src/nginx/reload.ts'
import { switchPaths } from '../../src/nginx/switching.ts'
import { portsInFiles, upstreamsOf, type LiveBranch } from '../../src/nginx/upstreams.ts'
import { connectionsTo, isAlive } from '../../src/system/processes.ts'
import {
  app,
  ask,
  backend,
  domainOf,
  liveOf,
  nginxContext,
  route,
  sayingApp,
  stage,
  switchedBy,
  withDomains,
  type Way,
} from './support.ts'

/** A key as the control socket takes it; of no branch. */
const SOME = 'one+main+node+0123abcd'

async function oneSite(way: Way = 'lua', domain: Parameters<typeof domainOf>[2] = {}) {
  return nginxContext([domainOf('one.test', { '/': 'one/node' }, domain)], {}, way)
}

function one(ctx: Context, ...ports: number[]): LiveBranch {
  return liveOf(ctx, 'one', [backend('node', ports)])
}

/** What the ports of the branch's first runner are found by in nginx's memory. */
function keyOf(branch: LiveBranch): string {
  return upstreamsOf(branch, true).upstreams[0]?.key ?? ''
}

async function masterOf(ctx: Context): Promise<number> {
  return (await nginxRunning(ctx)) ?? 0
}

/** An app that answers when it is told to. */
async function waitingApp(): Promise<{
  port: number
  asked: () => Promise<unknown>
  answer(text: string): void
}> {
  const waiting: ServerResponse[] = []
  const { port, server } = await app((_, response) => waiting.push(response))
  return {
    port,
    asked: () => once(server, 'request'),
    answer: (text) => {
      for (const response of waiting.splice(0)) response.end(text)
    },
  }
}

async function counts(ctx: Context): Promise<Record<string, number>> {
  return Object.fromEntries((await requestsInFlight(ctx))?.requests ?? [])
}

/** Speaks to the control socket. */
function control(
  ctx: Context,
  method: string,
  path: string,
  body = '',
): Promise<{ status: number; body: string }> {
  const { control: socketPath } = switchPaths(ctx.paths)
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, agent: false }, (response) => {
      let got = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (got += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: got.trim() }))
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

test('clients that keep their connections see no error over several switches, and keep them', async () => {
  const ctx = await oneSite()
  await route(ctx, [one(ctx, await sayingApp('version 0'))])
  const workers = await workersOf(await masterOf(ctx))
  const agent = new Agent({ keepAlive: true, maxSockets: 6 })
  onTestFinished(() => agent.destroy())
  const connections = new Set<unknown>()
  const load = { on: true }
  const answers: { begun: number; text: string }[] = []
  const once1 = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const { port } = ctx.config.main.nginx.http
      const begun = performance.now()
      const asked = request({ host: '127.0.0.1', port, agent, headers: { Host: 'one.test' } }, (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (body += chunk))
        response.on('end', () =>
          resolve(void answers.push({ begun, text: `${response.statusCode} ${body}` })),
        )
        response.on('error', reject)
      })
      asked.on('socket', (socket) => connections.add(socket))
      asked.on('error', reject)
      asked.end()
    })
  const clients = Array.from({ length: 6 }, async () => {
    while (load.on) await once1()
  })
  for (let count = 1; count <= 5; count++) {
    const { oldWorkers } = await route(ctx, [one(ctx, await sayingApp(`version ${count}`))])
    expect(oldWorkers).toEqual([])
    const activated = performance.now()
    // What is asked after an activation gets the new version; others may have been on their way.
    const after = (): string[] => answers.filter(({ begun }) => begun > activated).map(({ text }) => text)
    await expect.poll(() => after().length).toBeGreaterThan(60)
    expect(new Set(after())).toEqual(new Set([`200 version ${count}`]))
  }
  load.on = false
  await Promise.all(clients)
  expect(connections.size).toBe(6)
  expect(await workersOf(await masterOf(ctx))).toEqual(workers)
})

test('a deploy that changes only ports writes no set, tests nothing and reloads nothing', async () => {
  const ctx = await oneSite()
  await route(ctx, [one(ctx, await sayingApp('old'))])
  const set = await readlink(ctx.paths.nginxFiles)
  const workers = await workersOf(await masterOf(ctx))
  const staged = await stagePorts(ctx, one(ctx, await sayingApp('new')))
  expect([staged?.changed, staged?.blocked]).toEqual([true, []])
  expect((await ask(ctx, 'one.test')).body).toBe('old')
  expect(await staged?.activate()).toEqual({ oldWorkers: [] })
  expect((await ask(ctx, 'one.test')).body).toBe('new')
  expect(await readlink(ctx.paths.nginxFiles)).toBe(set)
  expect(await readdir(ctx.paths.nginxSets)).toEqual([set.split('/').at(-1), 'loaded'])
  expect(await workersOf(await masterOf(ctx))).toEqual(workers)
})

test('a deploy that changes more than ports is staged with all files', async () => {
  const ctx = await oneSite()
  const port = await sayingApp('one')
  expect(await stagePorts(ctx, one(ctx, port))).toBeUndefined()
  await route(ctx, [one(ctx, port)])
  expect(await stagePorts(ctx, one(ctx, port))).toMatchObject({ changed: false })
  const others: [Context, LiveBranch][] = [
    [ctx, { ...one(ctx, port), maintenance: true }],
    [ctx, liveOf(ctx, 'one', [backend('node', [port]), backend('more', [4711])])],
    [ctx, liveOf(ctx, 'one', [backend('node', [port], { nginxExtraConfig: 'gzip off;' })])],
    [ctx, liveOf(ctx, 'one', [backend('node', [port], { nginxExtraUpstreamConfig: 'keepalive 4;' })])],
    [ctx, liveOf(ctx, 'two', [backend('node', [port])])],
    [withDomains(ctx, [domainOf('other.test', { '/': 'one/node' })]), one(ctx, port)],
    [switchedBy(ctx, 'reload'), one(ctx, port)],
  ]
  for (const [context, branch] of others) expect(await stagePorts(context, branch)).toBeUndefined()
  await stopNginx(ctx)
  expect(await stagePorts(ctx, one(ctx, port))).toBeUndefined()
})

test('what was switched stays so over a reload, and a start takes it from the seed from the first request on', async () => {
  const ctx = await oneSite()
  await route(ctx, [one(ctx, await sayingApp('old'))])
  const port = await sayingApp('new')
  await route(ctx, [one(ctx, port)])
  const { seed } = switchPaths(ctx.paths)
  expect((await stat(seed)).mode & 0o777).toBe(0o600)
  // What is in memory stands before what the file says.
  const key = keyOf(one(ctx, port))
  await writeFile(seed, `{"${key}":[4711]}\n`)
  await reloadManaged(ctx, await masterOf(ctx))
  expect(await readPorts(ctx)).toEqual(new Map([[keyOf(one(ctx, port)), [port]]]))
  expect((await ask(ctx, 'one.test')).body).toBe('new')
  await writeFile(seed, `{"${key}":[${port}]}\n`)
  await stopNginx(ctx)
  expect(await ensureNginx(ctx)).toBe('started')
  expect((await ask(ctx, 'one.test')).body).toBe('new')
})

test('a nginx that was killed leaves a socket that hinders no start', async () => {
  const ctx = await oneSite()
  const live = [one(ctx, await sayingApp('one'))]
  await route(ctx, live)
  const master = await masterOf(ctx)
  for (const pid of [master, ...(await workersOf(master))]) process.kill(pid, 'SIGKILL')
  await expect.poll(() => isAlive(master)).toBe(false)
  expect((await stat(switchPaths(ctx.paths).control)).isSocket()).toBe(true)
  expect(await ensureNginx(ctx)).toBe('started')
  expect((await ask(ctx, 'one.test')).body).toBe('one')
  expect([...(await readPorts(ctx)).keys()]).toEqual(live.map(keyOf))
})

test('ports that were switched while nginx was down are those that it starts with', async () => {
  const ctx = await oneSite()
  await route(ctx, [one(ctx, await sayingApp('old'))])
  await stopNginx(ctx)
  await (await stage(ctx, [one(ctx, await sayingApp('new'))])).activate()
  await ensureNginx(ctx)
  expect((await ask(ctx, 'one.test')).body).toBe('new')
})

test('if nginx does not answer, the former processes stay those that it routes to, also after a start', async () => {
  const ctx = await oneSite()
  await route(ctx, [one(ctx, await sayingApp('old'))])
  const staged = await stagePorts(ctx, one(ctx, await sayingApp('new')))
  await rm(switchPaths(ctx.paths).control)
  await expect(staged?.activate()).rejects.toMatchObject({
    code: 'failed',
    message: 'nginx does not answer on its control socket',
    hint: 'see that nginx runs (`pypaas serve`, or `systemctl status nginx`), then try again',
  })
  expect((await ask(ctx, 'one.test')).body).toBe('old')
  await stopNginx(ctx)
  await ensureNginx(ctx)
  expect((await ask(ctx, 'one.test')).body).toBe('old')
}, 15_000)

test('only one user may enter the directory of the control socket', async () => {
  const ctx = await oneSite()
  await route(ctx, [one(ctx, await sayingApp('one'))])
  expect((await stat(switchPaths(ctx.paths).directory)).mode & 0o777).toBe(0o700)
})

test.runIf(process.getuid?.() === 0)('another user cannot open the control socket', async () => {
  const ctx = await oneSite()
  await route(ctx, [one(ctx, await sayingApp('one'))])
  const { directory, control: socket } = switchPaths(ctx.paths)
  const code = `require('net').connect('${socket}').on('connect', () => process.exit(1)).on('error', (e) => process.exit(e.code === 'EACCES' ? 42 : 2))`
  const tried = spawn(process.execPath, ['-e', code], { uid: 65534, gid: 65534, cwd: '/', stdio: 'ignore' })
  expect([await once(tried, 'exit'), directory.length > 0]).toEqual([[42, null], true])
})

test('the control socket takes ports of upstreams and nothing else', async () => {
  const ctx = await oneSite()
  const port = await sayingApp('one')
  await route(ctx, [one(ctx, port)])
  for (const body of [
    '',
    'x',
    '[]',
    'null',
    '{"since":[61500]}',
    '{"one+main":[61500]}',
    '{"one+main+node":[61500]}',
    '{"one+main+node+x":[61500]}',
    '{"one+main+node+01+02":[61500]}',
    '{"one+main+no\\u0064e+01":[61500]}',
    '{"One+main+node+01":[61500]}',
    `{"${SOME}":[]}`,
    `{"${SOME}":61500}`,
    `{"${SOME}":["61500"]}`,
    `{"${SOME}":[80]}`,
    `{"${SOME}":[65536]}`,
    `{"${SOME}":[061500]}`,
    `{"${SOME}":[61500.5]}`,
    `{"${SOME}":[-61500]}`,
    `{"${SOME}":[61500,]}`,
    `{"${SOME}":[61500]`,
    `{"${SOME}":[61500]} x`,
    `{"${SOME}":[61500],"${SOME}":[61501]}`,
  ]) {
    for (const method of ['PUT', 'PATCH']) {
      const answer = await control(ctx, method, '/upstreams', body)
      expect([body, answer.status]).toEqual([body, 400])
      expect(JSON.parse(answer.body)).toEqual({ error: expect.stringMatching(/\w/) as string })
    }
  }
  expect((await control(ctx, 'GET', '/')).status).toBe(404)
  expect((await control(ctx, 'POST', '/upstreams', `{"${SOME}":[61500]}`)).status).toBe(405)
  expect((await control(ctx, 'DELETE', '/upstreams')).status).toBe(405)
  expect((await control(ctx, 'PUT', '/requests', '{}')).status).toBe(405)
  expect(await readPorts(ctx)).toEqual(new Map([[keyOf(one(ctx, port)), [port]]]))
})

test('several processes get the same share of the requests', async () => {
  const ctx = await oneSite()
  const got = new Map<number, number>()
  const apps = []
  for (let index = 0; index < 3; index++) {
    apps.push(
      await app((_, response) => {
        got.set(index, (got.get(index) ?? 0) + 1)
        response.end()
      }),
    )
  }
  await route(ctx, [one(ctx, ...apps.map(({ port }) => port))])
  for (let count = 0; count < 60; count++) await ask(ctx, 'one.test')
  const shares = [...got.values()]
  expect(shares.reduce((sum, share) => sum + share, 0)).toBe(60)
  // Each worker takes turns for itself.
  expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(cpus().length)
})

test('a request counts for its process until its answer has been sent, and a retried one for the process that has it', async () => {
  const ctx = await oneSite()
  const slow = await waitingApp()
  const gone = await app(() => {})
  await new Promise((resolve) => gone.server.close(resolve))
  await route(ctx, [one(ctx, gone.port, slow.port)])
  const answers = []
  // Both are tried first by some of these.
  for (let count = 0; count < 4; count++) {
    const asked = slow.asked()
    answers.push(ask(ctx, 'one.test'))
    await asked
  }
  expect(await counts(ctx)).toEqual({ [slow.port]: 4 })
  slow.answer('late')
  expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(['late', 'late', 'late', 'late'])
  await expect.poll(() => counts(ctx)).toEqual({})
})

test('subrequests, internal redirects and clients that leave are counted down as well', async () => {
  const ctx = await oneSite('lua', {
    nginxHttpExtraConfig: [
      'location /page { auth_request /auth; proxy_pass http://one+main+node; }',
      'location = /auth { internal; proxy_pass http://one+main+node; }',
      'error_page 418 = /other;',
      'location /teapot { proxy_intercept_errors on; proxy_pass http://one+main+node; }',
      '',
    ].join('\n'),
  })
  const paths: string[] = []
  const backendApp = await app((incoming, response) => {
    paths.push(incoming.url ?? '')
    if (incoming.url === '/teapot') response.statusCode = 418
    if (incoming.url === '/moved') response.setHeader('X-Accel-Redirect', '/other')
    if (incoming.url !== '/never') response.end('x')
  })
  await route(ctx, [one(ctx, backendApp.port)])
  for (const path of ['/page', '/moved', '/teapot'])
    expect((await ask(ctx, 'one.test', { path })).body).toBe('x')
  expect(paths).toEqual(['/auth', '/page', '/moved', '/other', '/teapot', '/other'])
  await expect.poll(() => counts(ctx)).toEqual({})
  const { port } = ctx.config.main.nginx.http
  const asked = once(backendApp.server, 'request')
  const leaving = request({ host: '127.0.0.1', port, path: '/never', headers: { Host: 'one.test' } })
  leaving.on('error', () => {})
  leaving.end()
  await asked
  expect(await counts(ctx)).toEqual({ [backendApp.port]: 1 })
  leaving.destroy()
  await expect.poll(() => counts(ctx)).toEqual({})
})

test('a WebSocket counts as long as it is open', async () => {
  const ctx = await oneSite()
  const chat = await app(() => {})
  const server = new WebSocketServer({ server: chat.server })
  onTestFinished(() => server.close())
  await route(ctx, [one(ctx, chat.port)])
  const socket = new WebSocket(`ws://127.0.0.1:${ctx.config.main.nginx.http.port}/`, {
    headers: { Host: 'one.test' },
  })
  await once(socket, 'open')
  await route(ctx, [one(ctx, await sayingApp('new'))])
  expect(await awaitDrained(ctx, { oldPorts: [chat.port], timeout: 0.1 })).toBe('timeout')
  socket.close()
  await once(socket, 'close')
  expect(await awaitDrained(ctx, { oldPorts: [chat.port], timeout: 30 })).toBe('drained')
})

test('what a worker that was killed had counted is forgotten', async () => {
  const ctx = await oneSite()
  const slow = await waitingApp()
  await route(ctx, [one(ctx, slow.port)])
  const asked = slow.asked()
  const lost = ask(ctx, 'one.test').catch(() => 'lost')
  await asked
  expect(await counts(ctx)).toEqual({ [slow.port]: 1 })
  const master = await masterOf(ctx)
  const killed = await workersOf(master)
  for (const pid of killed) process.kill(pid, 'SIGKILL')
  expect(await lost).toBe('lost')
  await expect
    .poll(async () => (await servingWorkersOf(master)).filter((pid) => !killed.includes(pid)))
    .toHaveLength(cpus().length)
  expect(await counts(ctx)).toEqual({})
})

test('an operator who sets how nginx picks a process has the ports in the file, and a drain that looks at connections', async () => {
  const ctx = await oneSite()
  const slow = await waitingApp()
  const extra = { nginxExtraUpstreamConfig: 'least_conn;\n' }
  const old = liveOf(ctx, 'one', [backend('node', [slow.port], extra)])
  await route(ctx, [old])
  expect(await readPorts(ctx)).toEqual(new Map())
  const asked = slow.asked()
  const answer = ask(ctx, 'one.test')
  await asked
  const next = liveOf(ctx, 'one', [backend('node', [await sayingApp('new')], extra)])
  expect(await stagePorts(ctx, next)).toBeUndefined()
  const { oldWorkers } = await route(ctx, [next])
  expect(oldWorkers).not.toEqual([])
  expect((await ask(ctx, 'one.test')).body).toBe('new')
  const uncounted = old.release === undefined ? [] : portsInFiles(old.release)
  expect(await awaitDrained(ctx, { oldPorts: [slow.port], uncounted, timeout: 0.1 })).toBe('timeout')
  slow.answer('old')
  expect((await answer).body).toBe('old')
})

test('a running host changes from one switch to the other and back, and no request is forgotten', async () => {
  const reload = await oneSite('reload')
  const lua = switchedBy(reload, 'lua')
  const slow = await waitingApp()
  await route(reload, [one(reload, slow.port)])
  const master = await masterOf(reload)
  const asked = slow.asked()
  const answer = ask(reload, 'one.test')
  await asked
  await route(lua, [one(lua, await sayingApp('in memory'))])
  expect((await ask(lua, 'one.test')).body).toBe('in memory')
  // The worker that has it began before nginx counted.
  expect(await counts(lua)).toEqual({})
  expect(await awaitDrained(lua, { oldPorts: [slow.port], timeout: 0.1 })).toBe('timeout')
  slow.answer('old')
  expect((await answer).body).toBe('old')
  await route(reload, [one(reload, await sayingApp('in files'))])
  expect((await ask(reload, 'one.test')).body).toBe('in files')
  await expect(stat(switchPaths(reload.paths).control)).rejects.toThrow(/ENOENT/)
  await route(lua, [one(lua, await sayingApp('in memory again'))])
  expect((await ask(lua, 'one.test')).body).toBe('in memory again')
  expect(await masterOf(lua)).toBe(master)
})

test('a worker of before a reload goes on with the processes that its files were made for', async () => {
  const ctx = await oneSite()
  const old = await app((incoming, response) => {
    incoming.resume().on('end', () => response.end(`old ${incoming.url}`))
  })
  await route(ctx, [one(ctx, old.port)])
  const { port } = ctx.config.main.nginx.http
  // It has no process yet, since its body is still on its way.
  const upload = request({
    host: '127.0.0.1',
    port,
    method: 'POST',
    headers: { Host: 'one.test', 'Content-Length': 4 },
  })
  upload.write('ab')
  await once(upload, 'socket')
  await expect.poll(() => connectionsTo([port])).toBeGreaterThan(0)
  const next = await app((incoming, response) => response.end(`new ${incoming.url}`))
  const moved = liveOf(ctx, 'one', [backend('node', [next.port], { nginxProxyPath: '/v2/' })])
  const { oldWorkers } = await route(ctx, [moved])
  expect(oldWorkers).not.toEqual([])
  expect((await ask(ctx, 'one.test')).body).toBe('new /v2/')
  expect(await counts(ctx)).toEqual({})
  expect(await awaitDrained(ctx, { oldPorts: [old.port], timeout: 1.5 })).toBe('timeout')
  upload.end('cd')
  const [answer] = (await once(upload, 'response')) as [IncomingMessage]
  expect(String(await once(answer, 'data'))).toBe('old /')
  expect(await awaitDrained(ctx, { oldPorts: [old.port], timeout: 30 })).toBe('drained')
})

test('more upstreams than nginx has memory for are refused, and those that it has stay', async () => {
  const ctx = await oneSite()
  const port = await sayingApp('one')
  await route(ctx, [one(ctx, port)])
  const key = keyOf(one(ctx, port))
  const many = Array.from({ length: 450_000 }, () => 61500)
  expect((await control(ctx, 'PATCH', '/upstreams', JSON.stringify({ [SOME]: many }))).status).toBe(200)
  const refused = await control(
    ctx,
    'PATCH',
    '/upstreams',
    JSON.stringify({ [key]: [61501], [`${SOME}4`]: many }),
  )
  expect([refused.status, JSON.parse(refused.body)]).toEqual([507, { error: 'no memory' }])
  expect((await readPorts(ctx)).get(key)).toEqual([port])
})
