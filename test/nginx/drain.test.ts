import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { ServerResponse } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { awaitDrained } from '../../src/nginx/drain.ts'
import { isAlive } from '../../src/system/processes.ts'
import { app, ask, backend, domainOf, liveOf, nginxContext, route, sayingApp, WAYS } from './support.ts'

function client(port: number, text: string): Socket {
  const socket = connect(port, '127.0.0.1', () => socket.write(text))
  onTestFinished(() => void socket.destroy())
  return socket
}

describe.each(WAYS)('switch: %s', (way) => {
  async function twoSites() {
    const ctx = await nginxContext(
      [domainOf('one.test', { '/': 'one/node' }), domainOf('two.test', { '/': 'two/node' })],
      {},
      way,
    )
    return { ctx, port: ctx.config.main.nginx.http.port }
  }

  test('draining lasts until the last request to the old processes has its answer', async () => {
    const { ctx } = await twoSites()
    const waiting: ServerResponse[] = []
    const old = await app((_, response) => waiting.push(response))
    const asked = once(old.server, 'request')
    await route(ctx, [liveOf(ctx, 'one', [backend('node', [old.port])])])
    const answer = ask(ctx, 'one.test')
    await asked
    const { oldWorkers } = await route(ctx, [liveOf(ctx, 'one', [backend('node', [await sayingApp('new')])])])
    const order: string[] = []
    const drained = awaitDrained(ctx, { oldPorts: [old.port], oldWorkers, timeout: 30 }).then((how) =>
      order.push(how),
    )
    expect((await ask(ctx, 'one.test')).body).toBe('new')
    order.push('answered')
    waiting[0]?.end('old')
    expect((await answer).body).toBe('old')
    await drained
    expect(order).toEqual(['answered', 'drained'])
  })

  test('a request that is still being sent counts, though its process does not know of it yet', async () => {
    const { ctx, port } = await twoSites()
    const old = await app((incoming, response) => {
      incoming.resume().on('end', () => response.end('old'))
    })
    await route(ctx, [liveOf(ctx, 'one', [backend('node', [old.port])])])
    const socket = client(
      port,
      'POST / HTTP/1.1\r\nHost: one.test\r\nConnection: close\r\nContent-Length: 10\r\n\r\n01234',
    )
    let got = ''
    socket.on('data', (chunk) => (got += String(chunk)))
    const { oldWorkers } = await route(ctx, [liveOf(ctx, 'one', [backend('node', [await sayingApp('new')])])])
    // Where nginx reloads, it is an old worker's; else it gets its process, a new one, when it is complete.
    // Longer than what counts as quiet; the request is complete only after that.
    expect(await awaitDrained(ctx, { oldPorts: [old.port], oldWorkers, timeout: 1.5 })).toBe(
      way === 'lua' ? 'drained' : 'timeout',
    )
    socket.write('56789')
    await new Promise((resolve) => socket.on('close', resolve))
    expect(got).toMatch(way === 'lua' ? /new$/ : /old$/)
    expect(await awaitDrained(ctx, { oldPorts: [old.port], oldWorkers, timeout: 30 })).toBe('drained')
  })

  test("another branch's WebSocket in an old worker does not hold a drain up", async () => {
    const { ctx, port } = await twoSites()
    const chat = await app(() => {})
    const sockets = new WebSocketServer({ server: chat.server })
    const old = await sayingApp('old')
    const two = liveOf(ctx, 'two', [backend('node', [chat.port])])
    await route(ctx, [liveOf(ctx, 'one', [backend('node', [old])]), two])
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { Host: 'two.test' } })
    onTestFinished(() => socket.terminate())
    await new Promise((resolve) => socket.on('open', resolve))
    const { oldWorkers } = await route(ctx, [
      liveOf(ctx, 'one', [backend('node', [await sayingApp('new')])]),
      two,
    ])
    expect(await awaitDrained(ctx, { oldPorts: [old], oldWorkers, timeout: 30 })).toBe('drained')
    // After a reload the WebSocket is in a worker of before it; else there is no such.
    expect((await Promise.all(oldWorkers.map(isAlive))).includes(true)).toBe(way === 'reload')
    expect([socket.readyState, sockets.clients.size]).toEqual([WebSocket.OPEN, 1])
  })

  test('a request that does not end is left after the timeout, also by one who was not told of the old workers', async () => {
    const { ctx } = await twoSites()
    const old = await app(() => {})
    const asked = once(old.server, 'request')
    await route(ctx, [liveOf(ctx, 'one', [backend('node', [old.port])])])
    const lost = ask(ctx, 'one.test').catch(() => 'lost')
    await asked
    await route(ctx, [liveOf(ctx, 'one', [backend('node', [await sayingApp('new')])])])
    expect(await awaitDrained(ctx, { oldPorts: [old.port], timeout: 0.2 })).toBe('timeout')
    old.server.closeAllConnections()
    await lost
    expect(await awaitDrained(ctx, { oldPorts: [old.port], timeout: 30 })).toBe('drained')
  })

  test('through maintenance, with the old process gone, no client sees anything but both versions and the 503 page', async () => {
    const { ctx } = await twoSites()
    const old = await app((_, response) => response.end('old'))
    const oldBranch = liveOf(ctx, 'one', [backend('node', [old.port])])
    await route(ctx, [oldBranch])
    const load = { on: true }
    const answers: string[] = []
    const clients = Array.from({ length: 6 }, async () => {
      while (load.on) {
        const { status, body } = await ask(ctx, 'one.test')
        answers.push(status === 200 ? body : String(status))
      }
    })
    const more = async (): Promise<void> => {
      const enough = answers.length + 50
      await expect.poll(() => answers.length).toBeGreaterThan(enough)
    }
    await more()
    const { oldWorkers } = await route(ctx, [{ ...oldBranch, maintenance: true }])
    expect(await awaitDrained(ctx, { oldPorts: [old.port], oldWorkers, timeout: 30 })).toBe('drained')
    old.server.closeAllConnections()
    await new Promise((resolve) => old.server.close(resolve))
    await more()
    await route(ctx, [liveOf(ctx, 'one', [backend('node', [await sayingApp('new')])])])
    await more()
    load.on = false
    await Promise.all(clients)
    expect([...new Set(answers)].toSorted()).toEqual(['503', 'new', 'old'])
  })

  test('without an old port there is nothing to wait for', async () => {
    const { ctx } = await twoSites()
    expect(await awaitDrained(ctx, { oldPorts: [], oldWorkers: [process.pid], timeout: 30 })).toBe('drained')
  })

  test('the wait can be cancelled', async () => {
    const { ctx } = await twoSites()
    const options = { oldPorts: [1], oldWorkers: [process.pid], timeout: 30, signal: AbortSignal.abort() }
    await expect(awaitDrained(ctx, options)).rejects.toMatchObject({ code: 'cancelled' })
  })
})
