/** WebSockets that are open during a deploy: their process goes on with them until the drain timeout. */
import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { WebSocket } from 'ws'
import type { Source } from './app.ts'

/** Sends back what it gets, behind its version; plain requests get the version. */
export const socketServer: Source = (version) => {
  const ws = pathToFileURL(createRequire(import.meta.url).resolve('ws')).href
  return {
    'server.mjs': `import { createServer } from 'node:http'
import { WebSocketServer } from ${JSON.stringify(ws.replace(/index\.js$/, 'wrapper.mjs'))}
const version = ${JSON.stringify(version)}
const server = createServer((request, response) => response.end(version)).listen(process.env.PORT, '127.0.0.1')
new WebSocketServer({ server }).on('connection', (socket) => {
  socket.on('message', (data) => socket.send(version + ': ' + data))
})
`,
  }
}

/** Milliseconds between two messages. */
const PACE = 100

export interface Sockets {
  /** Milliseconds of `performance.now()` of each one's last answer from its first process. */
  lastAnswers(): number[]
  close(): void
}

/** Opens them; each talks all the time, until it is closed. */
export async function openSockets(port: number, host: string, count: number): Promise<Sockets> {
  const sockets = Array.from(
    { length: count },
    () => new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { host } }),
  )
  const last = await Promise.all(sockets.map(talk))
  return {
    lastAnswers: () => last.map(({ at }) => at),
    close() {
      for (const socket of sockets) socket.terminate()
    },
  }
}

/** Resolves with the first answer; what it resolves to goes on changing. */
function talk(socket: WebSocket): Promise<{ at: number }> {
  const seen = { at: 0 }
  return new Promise((resolve, reject) => {
    let first: string | undefined
    socket.on('message', (data: Buffer) => {
      const text = data.toString('utf8')
      first ??= text
      if (text === first) seen.at = performance.now()
      resolve(seen)
      void delay(PACE).then(() => socket.readyState === WebSocket.OPEN && socket.send('hello'))
    })
    socket.on('open', () => socket.send('hello'))
    // nginx cuts off what is left without a word to the client.
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('a WebSocket was closed before it had an answer')))
  })
}
