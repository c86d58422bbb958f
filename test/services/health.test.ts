import { connect, createServer } from 'node:net'
import { onTestFinished, describe, expect, test } from 'vitest'
import type { Context } from '../../src/context.ts'
import type { PypaasError } from '../../src/errors.ts'
import { processesOf, type Release } from '../../src/release.ts'
import { howItEnded } from '../../src/services/health-failure.ts'
import { waitHealthy, type HealthOptions } from '../../src/services/health.ts'
import { stopServices } from '../../src/services/tree.ts'
import { silent } from '../../src/system/output.ts'
import { claimPortRange } from '../support/ports.ts'
import { HEALTH, eventually, processesOfHome, release, runner, servicesContext, started } from './release.ts'

/** An HTTP server; `PORT`, `ADDRESS` and what the request is answered with are the test's. */
const SERVER = `
const http = require('node:http')
let asked = 0
http
  .createServer((request, response) => {
    asked++
    console.log(request.method, request.url, request.headers.host, request.headers['x-forwarded-proto'] ?? '-')
    response.statusCode = request.url === '/late' && asked < 4 ? 503 : request.url === '/bad' ? 500 : 200
    response.end('ok')
  })
  .listen(Number(process.env.LISTEN ?? process.env.PORT), process.env.ADDRESS ?? '127.0.0.1')
`
const NODE = `${process.execPath} server.js`

async function failureOf(work: Promise<unknown>): Promise<PypaasError> {
  return work.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: unknown) => error as PypaasError,
  )
}

/** Starts a release, waits until it is healthy, and ends it. */
async function waited(
  ctx: Context,
  made: Release,
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
  options: Partial<HealthOptions> & { readonly once?: readonly [address: string, port: number] } = {},
): Promise<void> {
  const { once, ...rest } = options
  await started(ctx, made, files, env)
  try {
    // Where the time is short on purpose, it is not to be the app's start that takes it.
    if (once !== undefined) await eventually('the app', () => connects(...once))
    await waitHealthy(ctx, made, { output: silent, ...rest })
  } finally {
    await stopServices(ctx, made, processesOf(made))
    expect(processesOfHome(ctx)).toEqual([])
  }
}

function connects(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

describe('a backend is healthy', () => {
  test('when all of its processes accept connections', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(2)
    const made = release([runner(NODE, { ports: [min, min + 1] })])
    await expect(waited(ctx, made, { 'server.js': SERVER })).resolves.toBeUndefined()
  })

  test('when a process below the main one does', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(1)
    const made = release([runner(`true | ${NODE}`, { ports: [min] })])
    await expect(waited(ctx, made, { 'server.js': SERVER })).resolves.toBeUndefined()
  })

  test('when it listens on IPv6 and IPv4 at once', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(1)
    const made = release([runner(NODE, { ports: [min] })])
    await expect(waited(ctx, made, { 'server.js': SERVER }, { ADDRESS: '::' })).resolves.toBeUndefined()
  })

  test('when its path answers as configured, asked as through nginx', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(1)
    const health = { ...HEALTH, path: '/late', interval: 0.01 }
    const made = release([runner(`${NODE} >requests`, { ports: [min], health })])
    await waited(ctx, made, { 'server.js': SERVER }, {}, { url: 'https://*.example.com:8443/shop' })
    const { readFileSync } = await import('node:fs')
    const requests = readFileSync(`${ctx.paths.checkout(made, made.checkout)}/requests`, 'utf8')
    expect(requests.trim().split('\n')).toEqual(Array(4).fill('GET /late www.example.com:8443 https'))
  })
})

const UWSGI = 'uwsgi --plugin python3 --socket 127.0.0.1:$PORT --wsgi-file app.py --need-app --die-on-term'

describe('a uwsgi backend, which listens before it has loaded its app,', () => {
  test('is healthy when it has loaded it', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(1)
    const made = release([runner(`${UWSGI} --master`, { type: 'UwsgiNginxBackend', ports: [min] })])
    await expect(waited(ctx, made, { 'app.py': 'application = print' })).resolves.toBeUndefined()
  })

  test('fails when it cannot load it', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(1)
    const made = release([runner(UWSGI, { type: 'UwsgiNginxBackend', ports: [min] })])
    const files = { 'app.py': 'import time\ntime.sleep(0.3)\nraise RuntimeError("no database")\n' }
    const error = await failureOf(waited(ctx, made, files))
    expect(error.message).toMatch(
      /^the process web-0 \(port \d+\) ended with status \d+ before it was healthy$/,
    )
    expect(error.output).toContain('RuntimeError: no database')
  })

  test('fails when it has not loaded it in time', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(1)
    const health = { ...HEALTH, timeout: 0.5 }
    const made = release([runner(UWSGI, { type: 'UwsgiNginxBackend', ports: [min], health, stopTimeout: 0 })])
    const files = { 'app.py': 'import time\ntime.sleep(1000)\n' }
    const error = await failureOf(waited(ctx, made, files, {}, { once: ['127.0.0.1', min] }))
    expect(error.message).toBe(
      `the process web-0 (port ${min}) listened, but took no connection within 0.5 seconds`,
    )
  })
})

describe('a backend fails', () => {
  test('at once when it crashes at its start, with its status and its last lines', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(1)
    const made = release([runner(NODE, { ports: [min], health: { ...HEALTH, timeout: 1000 } })])
    const files = { 'server.js': 'console.log("one"); throw new Error("no database")' }
    const error = await failureOf(waited(ctx, made, files))
    expect(error.message).toBe(`the process web-0 (port ${min}) ended with status 1 before it was healthy`)
    expect(error.output).toContain('Error: no database')
    expect(error.output[0]).toBe('one')
    expect(error.hint).toBe(`the lines above are the last of its log; its command is \`${NODE}\``)
  })

  test('when its program is not there', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(1)
    const error = await failureOf(waited(ctx, release([runner('nonesuch', { ports: [min] })])))
    expect(error.message).toBe(`the process web-0 (port ${min}) ended with status 127 before it was healthy`)
    expect(error.output.join('\n')).toMatch(/nonesuch.*not found/)
  })

  test('when one of several does', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(2)
    const made = release([runner(NODE, { ports: [min, min + 1] })])
    const files = {
      'server.js': `if (process.env.PORT === '${min + 1}') process.kill(process.pid, 'SIGKILL')\n${SERVER}`,
    }
    const error = await failureOf(waited(ctx, made, files))
    expect(error.message).toBe(
      `the process web-1 (port ${min + 1}) was ended by SIGKILL before it was healthy`,
    )
  })

  test('when it listens on another port, which the hint names', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(2)
    const made = release([runner(NODE, { ports: [min], health: { ...HEALTH, timeout: 0.2 } })])
    const error = await failureOf(
      waited(
        ctx,
        made,
        { 'server.js': SERVER },
        { LISTEN: String(min + 1) },
        { once: ['127.0.0.1', min + 1] },
      ),
    )
    expect(error.message).toBe(`the process web-0 (port ${min}) did not listen within 0.2 seconds`)
    expect(error.hint).toBe(
      `it listens on 127.0.0.1:${min + 1}; the app must listen on the port in the variable PORT, here ${min}`,
    )
  })

  test('when it listens where nginx does not ask', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(1)
    const made = release([runner(NODE, { ports: [min], health: { ...HEALTH, timeout: 0.2 } })])
    const error = await failureOf(
      waited(ctx, made, { 'server.js': SERVER }, { ADDRESS: '127.0.0.2' }, { once: ['127.0.0.2', min] }),
    )
    expect(error.hint).toBe(
      `it listens on 127.0.0.2:${min}, where a connection to 127.0.0.1 does not reach it`,
    )
  })

  test('when somebody else listens on its port', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(1)
    const stranger = createServer()
    await new Promise<void>((resolve) => stranger.listen(min, '127.0.0.1', resolve))
    onTestFinished(() => new Promise<void>((resolve) => void stranger.close(() => resolve())))
    const made = release([runner('sleep 1000', { ports: [min], health: { ...HEALTH, timeout: 0.2 } })])
    const error = await failureOf(waited(ctx, made))
    expect(error.message).toBe(`the process web-0 (port ${min}) did not listen within 0.2 seconds`)
    expect(error.hint).toBe(
      `another program listens on port ${min}; does \`sleep 1000\` go into the background?`,
    )
  })

  test('when it never listens', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(1)
    const health = { ...HEALTH, timeout: 0.2 }
    const error = await failureOf(
      waited(ctx, release([runner('echo hello; exec sleep 1000', { ports: [min], health })])),
    )
    expect(error.hint).toBe(
      'does the app listen on the port in the variable PORT? If it needs longer, raise `health.timeout`',
    )
    expect(error.output).toEqual(['hello'])
  })

  test('when its path answers with another status', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(1)
    const health = { ...HEALTH, path: '/bad', timeout: 0.5 }
    const made = release([runner(NODE, { ports: [min], health })])
    const error = await failureOf(
      waited(ctx, made, { 'server.js': SERVER }, {}, { once: ['127.0.0.1', min] }),
    )
    expect(error.message).toBe(
      `the process web-0 (port ${min}) answered /bad with status 500, not with a status of 200-399, within 0.5 seconds`,
    )
  })

  test('when the deploy is cancelled', async () => {
    const ctx = await servicesContext()
    const { min } = claimPortRange(1)
    const cancel = new AbortController()
    const waiting = failureOf(
      waited(ctx, release([runner('sleep 1000', { ports: [min] })]), {}, {}, { signal: cancel.signal }),
    )
    cancel.abort()
    expect((await waiting).code).toBe('cancelled')
  })
})

describe('a process without a port', () => {
  test('is healthy when it has stayed up', async () => {
    const ctx = await servicesContext()
    await expect(waited(ctx, release([runner('sleep 1000')]))).resolves.toBeUndefined()
  })

  test('fails when it ends, also in order', async () => {
    const ctx = await servicesContext()
    const health = { ...HEALTH, uptime: 1000 }
    const error = await failureOf(waited(ctx, release([runner('echo done', { health })])))
    expect(error.message).toBe('the process web-0 ended with status 0 before it was healthy')
    expect(error.output).toEqual(['done'])
  })
})

test.each([
  [undefined, 'ended'],
  [0, 'ended with status 0'],
  [256, 'ended with status 1'],
  [127 * 256, 'ended with status 127'],
  [9, 'was ended by SIGKILL'],
  [139, 'was ended by SIGSEGV'],
])('the wait status %s reads "%s"', (waitStatus, words) => {
  expect(howItEnded(waitStatus)).toBe(words)
})
