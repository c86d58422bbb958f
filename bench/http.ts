/** Asking for answers: the first one of a version, and a steady stream of requests. */
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

/** One request on a connection of its own. Undefined: no answer with status 200. */
export function ask(port: number, host: string, path = '/'): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request(
      { host: '127.0.0.1', port, path, headers: { host }, agent: false, timeout: 30_000 },
      (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (text: string) => (body += text))
        response.on('end', () => resolve(response.statusCode === 200 ? body : undefined))
        response.on('error', () => resolve(undefined))
      },
    )
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(undefined))
    asked.end()
  })
}

/**
 * Milliseconds of `performance.now()` at which `wanted` was first answered.
 * @param options.pause milliseconds between two questions: each costs the machine something
 */
export async function firstAnswer(
  port: number,
  host: string,
  wanted: string,
  { signal, pause = 5 }: { readonly signal?: AbortSignal; readonly pause?: number } = {},
): Promise<number> {
  const deadline = performance.now() + 120_000
  while (performance.now() < deadline) {
    signal?.throwIfAborted()
    if ((await ask(port, host)) === wanted) return performance.now()
    await delay(pause)
  }
  throw new Error(`${host} never answered ${wanted}`)
}

export interface Load {
  /** Requests that were sent, and those without an answer. */
  stop(): Promise<{ readonly sent: number; readonly broken: number }>
}

/** `rate` requests a second, each on a new connection, whether the former ones are answered or not. */
export function startLoad(port: number, host: string, rate: number, path = '/'): Load {
  let sent = 0
  let broken = 0
  const open = new Set<Promise<void>>()
  const start = performance.now()
  const timer = setInterval(() => {
    // Timers are late under load; what is due by now is sent now.
    const due = Math.floor(((performance.now() - start) / 1000) * rate)
    for (; sent < due; sent++) {
      const answered = ask(port, host, path).then((body) => {
        if (body === undefined) broken++
        open.delete(answered)
      })
      open.add(answered)
    }
  }, 5)
  return {
    async stop() {
      clearInterval(timer)
      await Promise.all(open)
      return { sent, broken }
    },
  }
}
