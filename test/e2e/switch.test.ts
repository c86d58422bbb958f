/** What a push does to nginx, and to the connections of its clients. */
import { Agent, request } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { nginxRunning } from '../../src/nginx/managed.ts'
import { workersOf } from '../../src/nginx/reload.ts'
import { pathsOf } from '../../src/paths.ts'
import { testContext } from '../support/context.ts'
import { answering, DOMAIN, liveSite } from '../support/web.ts'

async function nginxWorkers(home: string): Promise<number[]> {
  const master = await nginxRunning({ ...(await testContext()), paths: pathsOf(home) })
  return master === undefined ? [] : workersOf(master)
}

test('with the switch in memory, a second push reloads nothing and leaves connections open', async () => {
  const { host, push } = await liveSite({ main: { nginx: { switch: 'lua' } } })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const connections = new Set<unknown>()
  const page = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: host.httpPort, agent, headers: { Host: DOMAIN } }
      const asked = request(options, (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (body += chunk))
        response.on('end', () => resolve(body))
      })
      asked.on('socket', (socket) => connections.add(socket))
      asked.on('error', reject)
      asked.end()
    })
  expect(await page()).toBe('one')
  const workers = await nginxWorkers(host.home)
  expect(workers).not.toEqual([])
  const { status, stderr } = await push({ 'server.mjs': answering('two') })
  expect(status, stderr).toBe(0)
  expect(await page()).toBe('two')
  expect((await host.pypaas('restart', 'web', 'main')).status).toBe(0)
  expect(await page()).toBe('two')
  expect(connections.size).toBe(1)
  expect(await nginxWorkers(host.home)).toEqual(workers)
  expect(await host.stop()).toEqual([])
})
