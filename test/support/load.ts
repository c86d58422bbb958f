/** Clients that ask nginx all the time, each request with a connection of its own. */
import { request } from 'node:http'
import { onTestFinished } from 'vitest'
import type { Host } from './host.ts'

/** What one request got. */
export interface Answer {
  /** Milliseconds (`performance.now()`). */
  readonly begun: number
  readonly ended: number
  /** Status and body, such as `200 one`; or the error's code, such as `ECONNREFUSED`. */
  readonly text: string
}

export interface Load {
  /** Asks once more, ends the load and returns everything that was answered, in the order of the ends. */
  stop(): Promise<readonly Answer[]>
}

/** Starts to ask, `rate` times a second whatever comes back. Ends with the test at the latest. */
export function startLoad(host: Host, domain: string, rate: number, path = '/'): Load {
  const answers: Answer[] = []
  const open = new Set<Promise<void>>()
  const start = performance.now()
  let sent = 0
  const askOnce = (): void => {
    const asked = ask(host.httpPort, domain, path).then((answer) => {
      answers.push(answer)
      open.delete(asked)
    })
    open.add(asked)
  }
  const timer = setInterval(() => {
    const due = ((performance.now() - start) / 1000) * rate
    for (; sent < due; sent++) askOnce()
  }, 5)
  let stopped: Promise<readonly Answer[]> | undefined
  const stop = (): Promise<readonly Answer[]> => {
    stopped ??= (async () => {
      clearInterval(timer)
      // So that what is live at this moment is among the answers.
      askOnce()
      await Promise.all(open)
      return answers
    })()
    return stopped
  }
  onTestFinished(async () => void (await stop()))
  return { stop }
}

/** The different texts of answers, of requests that began in this time or in all of it. */
export function textsOf(answers: readonly Answer[], from = 0, to = Number.POSITIVE_INFINITY): string[] {
  const during = answers.filter(({ begun }) => begun >= from && begun <= to)
  return [...new Set(during.map(({ text }) => text))].toSorted()
}

function ask(port: number, domain: string, path: string): Promise<Answer> {
  const begun = performance.now()
  return new Promise((resolve) => {
    const end = (text: string): void => resolve({ begun, ended: performance.now(), text })
    const asked = request(
      { host: '127.0.0.1', port, path, headers: { host: domain }, agent: false },
      (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (body += chunk))
        response.on('end', () => end(`${response.statusCode} ${body}`))
        response.on('error', (error) => end(`${response.statusCode} and then ${error.message}`))
      },
    )
    asked.on('error', (error) => end('code' in error ? String(error.code) : error.message))
    asked.end()
  })
}
