/** What clients notice of deploys: nothing. */
import { on, once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Host } from '../support/host.ts'
import { startLoad, textsOf } from '../support/load.ts'
import { workersIn } from '../support/traces.ts'
import { answering, DOMAIN, liveSite, SOON } from '../support/web.ts'

test(
  'under 200 requests a second no deploy and no restart costs an answer',
  { timeout: 180_000 },
  async () => {
    const { host, push } = await liveSite()
    const load = startLoad(host, DOMAIN, 200)
    const times: { readonly live: string; readonly from: number; to: number }[] = []
    const goLive = (live: string): void => {
      times.push({ live, from: performance.now(), to: Number.POSITIVE_INFINITY })
    }
    goLive('one')
    const deploy = async (
      live: string,
      work: () => Promise<{ status: number; stderr: string }>,
    ): Promise<void> => {
      const last = times.at(-1)
      if (last !== undefined) last.to = performance.now()
      const { status, stderr } = await work()
      expect(status, stderr).toBe(0)
      goLive(live)
    }
    for (const live of ['two', 'three', 'four', 'five', 'six']) {
      await deploy(live, () => push({ 'server.mjs': answering(live) }))
    }
    await deploy('six', () => host.pypaas('restart', 'web', 'main'))
    await deploy('six', () => host.pypaas('rebuild', 'web', 'main'))

    const answers = await load.stop()
    expect(textsOf(answers)).toEqual(['200 five', '200 four', '200 one', '200 six', '200 three', '200 two'])
    // Between the end of a deploy and the begin of the next there is one version only.
    for (const { live, from, to } of times) {
      expect([[], [`200 ${live}`]], live).toContainEqual(textsOf(answers, from, to))
    }
    expect(answers.length).toBeGreaterThan(200)
    expect(await host.stop()).toEqual([])
  },
)

/** Begins to answer `/slow` at once and ends when there is a file `go` in the home, which is `HOME` of the app. */
function slow(name: string): string {
  return `
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
createServer((request, response) => {
  if (request.url !== '/slow') return response.end('${name}')
  response.write('${name} begins')
  const timer = setInterval(() => {
    if (!existsSync(process.env.HOME + '/go')) return
    clearInterval(timer)
    response.end(', ${name} ends')
  }, 20)
}).listen(process.env.PORT, '127.0.0.1')
`
}

test('a request that is being answered stays with its process, which ends only after it', async () => {
  const { host, push } = await liveSite({ files: { 'server.mjs': slow('one') } })
  const asked = request({
    host: '127.0.0.1',
    port: host.httpPort,
    path: '/slow',
    headers: { host: DOMAIN },
    agent: false,
  }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  response.setEncoding('utf8')
  const [begin] = (await once(response, 'data')) as [string]
  expect(begin).toBe('one begins')

  expect((await push({ 'server.mjs': slow('two') })).status).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
  expect(await apps(host)).toHaveLength(2)
  const end = once(response, 'data') as Promise<[string]>
  await writeFile(join(host.home, 'go'), '')
  expect(await end).toEqual([', one ends'])
  await expect.poll(() => apps(host), SOON).toHaveLength(1)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
  expect(await host.stop()).toEqual([])
})

/** A WebSocket server that says its name, and puts it before what it sends back. */
function talking(name: string): string {
  const ws = pathToFileURL(createRequire(import.meta.url).resolve('ws')).href
  return `
import { WebSocketServer } from '${ws.replace(/index\.js$/, 'wrapper.mjs')}'
new WebSocketServer({ host: '127.0.0.1', port: process.env.PORT }).on('connection', (socket) => {
  socket.send('${name}')
  socket.on('message', (data) => socket.send('${name}: ' + data))
})
`
}

test('a WebSocket stays with its process until the drain timeout', async () => {
  const { host, push } = await liveSite({
    main: { drain_timeout: 2 },
    files: { 'server.mjs': talking('one') },
  })
  const old = await connect(host)
  expect(await old.next()).toBe('one')
  expect((await push({ 'server.mjs': talking('two') })).status).toBe(0)
  old.socket.send('still there?')
  expect(await old.next()).toBe('one: still there?')
  const present = await connect(host)
  expect(await present.next()).toBe('two')

  await old.closed
  await expect.poll(() => apps(host), SOON).toHaveLength(1)
  present.socket.send('and you?')
  expect(await present.next()).toBe('two: and you?')
  expect(await host.stop()).toEqual([])
})

interface Talk {
  readonly socket: WebSocket
  readonly closed: Promise<unknown>
  next(): Promise<string>
}

async function connect(host: Host): Promise<Talk> {
  const socket = new WebSocket(`ws://127.0.0.1:${host.httpPort}/`, { headers: { host: DOMAIN } })
  onTestFinished(() => socket.terminate())
  // nginx cuts off what is left without a word to the client.
  socket.on('error', () => {})
  const messages = on(socket, 'message')
  const closed = once(socket, 'close')
  await once(socket, 'open')
  return {
    socket,
    closed,
    async next() {
      const { value } = (await messages.next()) as { value: [Buffer] }
      return value[0].toString('utf8')
    },
  }
}

function apps({ home, paths }: Host): Promise<string[]> {
  return workersIn(home, [paths.checkouts])
}
