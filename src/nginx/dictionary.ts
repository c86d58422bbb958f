/** The ports in nginx's memory, read and set through its control socket (`templates/nginx/switch.lua`). */
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { hasErrno, PypaasError } from '../errors.ts'
import { switchPaths } from './switching.ts'

/** Ports by the name of the upstream. */
export type PortMap = ReadonlyMap<string, readonly number[]>

/** What nginx counts. */
export interface InFlight {
  /** When it began to count: seconds since the start of the host. */
  readonly since: number
  /** Requests by port; a port without any is left out. */
  readonly requests: ReadonlyMap<number, number>
}

/** Seconds that an nginx which is being restarted gets to answer. */
const PATIENCE = 2
/** Seconds for one answer: nginx's workers wait for nothing while they give one. */
const ANSWER = 5

interface Answer {
  readonly status: number
  readonly body: string
}

/** The ports that nginx routes to. @throws PypaasError if nginx does not answer */
export async function readPorts(ctx: Context): Promise<PortMap> {
  return portsIn(await answerOf(ctx, 'GET', '/upstreams'))
}

/**
 * Routes these upstreams to these ports from now on, and makes sure that it is so.
 * @param others what becomes of other upstreams
 * @throws PypaasError if nginx does not answer or refuses
 */
export async function setPorts(ctx: Context, ports: PortMap, others: 'kept' | 'removed'): Promise<void> {
  const method = others === 'kept' ? 'PATCH' : 'PUT'
  const now = portsIn(await answerOf(ctx, method, '/upstreams', portText(ports)))
  if (!samePorts(now, ports)) {
    throw new PypaasError('failed', 'nginx did not take the new ports', {
      hint: 'what it routes to did not change; try again',
    })
  }
}

/** Requests that nginx has given to processes and that have not ended. Undefined: it does not count, or does not run. */
export async function requestsInFlight(ctx: Context): Promise<InFlight | undefined> {
  const answer = await ask(ctx, 'GET', '/requests').catch(() => undefined)
  if (answer?.status !== 200) return undefined
  const { since, requests } = JSON.parse(answer.body) as { since: number; requests: Record<string, number> }
  return { since, requests: new Map(Object.entries(requests).map(([port, count]) => [Number(port), count])) }
}

/** As the control socket and the seed want it. Pure. */
export function portText(ports: PortMap): string {
  return `${JSON.stringify(Object.fromEntries(ports))}\n`
}

/** The inverse of {@link portText}; nothing for text that is none. Pure. */
export function parsePorts(text: string): PortMap {
  try {
    return new Map(Object.entries(JSON.parse(text) as Record<string, number[]>))
  } catch {
    return new Map()
  }
}

export function samePorts(one: PortMap, other: PortMap): boolean {
  return (
    one.size === other.size &&
    [...one].every(([name, ports]) => {
      const theirs = other.get(name)
      return theirs?.length === ports.length && ports.every((port, at) => theirs[at] === port)
    })
  )
}

function portsIn({ status, body }: Answer): PortMap {
  if (status === 200) return parsePorts(body)
  throw new PypaasError('failed', `nginx refuses the new ports: ${body.trim()}`, {
    hint: 'what it routes to did not change; its error log says more',
  })
}

async function answerOf(ctx: Context, method: string, path: string, body?: string): Promise<Answer> {
  const end = performance.now() + PATIENCE * 1000
  for (;;) {
    try {
      return await ask(ctx, method, path, body)
    } catch (error) {
      const absent = hasErrno(error, 'ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE')
      if (absent && performance.now() < end) await sleep(20)
      else throw silence(error, switchPaths(ctx.paths).control)
    }
  }
}

function silence(cause: unknown, where: string): PypaasError {
  const denied = hasErrno(cause, 'EACCES', 'EPERM')
  return new PypaasError('failed', `nginx does not answer on its control socket`, {
    where,
    cause,
    hint: denied
      ? 'run pypaas as the user that owns its home'
      : 'see that nginx runs (`pypaas serve`, or `systemctl status nginx`), then try again',
  })
}

function ask(ctx: Context, method: string, path: string, body?: string): Promise<Answer> {
  const { control } = switchPaths(ctx.paths)
  const headers = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const options = { socketPath: control, method, path, headers, agent: false, timeout: ANSWER * 1000 }
    const asked = request(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      )
    })
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${ANSWER} s`)))
    asked.on('error', reject)
    asked.end(body)
  })
}
