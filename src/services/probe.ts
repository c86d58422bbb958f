/** Single questions to a port on 127.0.0.1. */
import { connect } from 'node:net'
import type { HealthConfig } from '../config/types.ts'
import { hasErrno } from '../errors.ts'

/** How the site will be asked for. */
export interface Site {
  readonly host: string | undefined
  readonly ssl: boolean
}

export interface Question extends Site {
  readonly port: number
  readonly path: string
}

/** Longest time for one answer, in milliseconds. */
const ONE_ANSWER = 5_000

/** `refused`: nobody listens there. `silent`: somebody may, but does not answer. */
export type Knock = 'accepted' | 'refused' | 'silent'

/** Tries a TCP connection, for at most `limit` milliseconds. */
export function knock(port: number, limit: number, signal: AbortSignal): Promise<Knock> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, signal })
    socket.setTimeout(Math.max(1, Math.min(limit, ONE_ANSWER)))
    const end = (result: Knock): void => {
      socket.destroy()
      resolve(result)
    }
    socket.on('connect', () => end('accepted'))
    socket.on('timeout', () => end('silent'))
    socket.on('error', (error) => end(hasErrno(error, 'ECONNREFUSED') ? 'refused' : 'silent'))
  })
}

/**
 * Whether somebody takes connections from the port, and not only the kernel for somebody who is still starting:
 * says that there is no request to come, and waits for the other side to hang up, for at most `limit` milliseconds.
 */
export function hangsUp(port: number, limit: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, signal, allowHalfOpen: true })
    socket.setTimeout(Math.max(1, Math.min(limit, ONE_ANSWER)))
    const end = (result: boolean): void => {
      socket.destroy()
      resolve(result)
    }
    socket.on('end', () => end(true))
    socket.on('timeout', () => end(false))
    // A process that ends resets what it has not taken.
    socket.on('error', () => end(false))
    socket.resume()
    socket.end()
  })
}

/** Asks once by HTTP/1.1 GET. Undefined: a status in the range came; otherwise what came instead. */
export async function answers(
  question: Question,
  status: HealthConfig['status'],
  limit: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { request } = await import('node:http')
  const timeout = Math.ceil(Math.max(1, Math.min(limit, ONE_ANSWER)))
  return new Promise((resolve) => {
    const asked = request({
      host: '127.0.0.1',
      port: question.port,
      path: question.path,
      agent: false,
      headers: {
        Host: question.host ?? `127.0.0.1:${question.port}`,
        'User-Agent': 'pypaas-health',
        ...(question.ssl ? { 'X-Forwarded-Proto': 'https' } : {}),
      },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
    })
    asked.on('response', (response) => {
      const code = response.statusCode ?? 0
      asked.destroy()
      resolve(code >= status.min && code <= status.max ? undefined : `status ${code}`)
    })
    asked.on('error', (error) => {
      resolve(error.name === 'AbortError' || error.name === 'TimeoutError' ? 'no answer' : error.message)
    })
    asked.end()
  })
}
