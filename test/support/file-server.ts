/** A real nginx that serves a directory, and a network before it that can be cut. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { temporaryDirectory } from './context.ts'
import { claimPortRange } from './ports.ts'
import { SOON } from './web.ts'

export interface FileServer {
  readonly url: string
  readonly port: number
  /** What is served. What is below `private/` is only for bob, whose password is `s3cret`. */
  readonly root: string
  /** Method, status, bytes of content and range of every request so far. */
  requests(): Promise<string[]>
}

/** @param settings nginx directives for its server, for example `etag off;` */
export async function startFileServer(settings = ''): Promise<FileServer> {
  const dir = await temporaryDirectory()
  const root = join(dir, 'root')
  await mkdir(join(root, 'private'), { recursive: true })
  await mkdir(join(dir, 'tmp'))
  const { min: port } = claimPortRange(1)
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  await writeFile(join(dir, 'users'), 'bob:{PLAIN}s3cret\n')
  await writeFile(
    join(dir, 'nginx.conf'),
    `${user} daemon off; pid ${dir}/pid; error_log ${dir}/error.log;
events {}
http {
  log_format short '$request_method $status $body_bytes_sent $http_range';
  access_log ${dir}/access.log short;
  ${temporary.map((name) => `${name}_temp_path ${dir}/tmp/${name};`).join(' ')}
  server {
    listen 127.0.0.1:${port};
    root ${root};
    ${settings}
    location /private/ { auth_basic private; auth_basic_user_file ${dir}/users; }
    location /moved/ { rewrite ^/moved/(.*)$ /$1 redirect; }
  }
}
`,
  )
  const nginx = spawn('nginx', ['-p', dir, '-c', join(dir, 'nginx.conf'), '-e', join(dir, 'error.log')])
  const ended = once(nginx, 'exit')
  onTestFinished(async () => {
    nginx.kill('SIGTERM')
    await ended
  })
  await expect.poll(() => answers(port), SOON).toBe(true)
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    root,
    async requests() {
      const text = await readFile(join(dir, 'access.log'), 'utf8')
      return text.split('\n').filter(Boolean)
    },
  }
}

/**
 * A way to a port that ends each connection after so many bytes of answers, until it is told otherwise; or leaves it
 * open, and nothing more comes: what came just before a connection ends may be lost with it.
 */
export async function cuttingProxy(
  port: number,
  bytes: number,
  then: 'end' | 'silence' = 'end',
): Promise<{ readonly url: string; heal(): void; readonly cuts: () => number }> {
  let left = bytes
  let cuts = 0
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    let passed = 0
    client.on('error', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.end())
    client.pipe(upstream)
    upstream.on('data', (chunk: Buffer) => {
      const part = chunk.subarray(0, Math.max(0, left - passed))
      passed += part.length
      if (part.length === chunk.length) {
        client.write(part)
        return
      }
      cuts += 1
      client.write(part)
      upstream.pause()
      if (then === 'silence') return
      client.end()
      upstream.destroy()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heal: () => (left = Infinity),
    cuts: () => cuts,
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
