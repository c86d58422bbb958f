/** A real nginx that serves a directory, and what its access log says of the requests. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ask } from './http.ts'
import { freePorts } from './ports.ts'
import type { Ends } from './subject.ts'

export interface FileServer {
  readonly url: string
  /** What is served. */
  readonly root: string
  /** Of all requests so far. */
  traffic(): Promise<Traffic>
  end(): Promise<void>
}

/** What has gone over the network. */
export interface Traffic {
  /** Requests of HTTP, connections of ssh. */
  readonly requests: number
  /** Bytes from the client, headers included. */
  readonly sent: number
  /** Bytes to the client, headers included. */
  readonly received: number
}

/** nginx logs a request when it is over, which may be a moment after its answer has been read. */
const LOGGED = 200

/** @param dir for its files; is made */
export async function startFileServer(dir: string, ends: Ends): Promise<FileServer> {
  const root = join(dir, 'root')
  await mkdir(root, { recursive: true })
  const [port = 0] = await freePorts(1)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const config = join(dir, 'nginx.conf')
  await writeFile(
    config,
    `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; worker_processes 1; pid ${dir}/pid;
events {}
http {
  log_format sizes '$status $request_length $bytes_sent';
  access_log ${dir}/access.log sizes;
  ${temporary.map((name) => `${name}_temp_path ${dir}/${name};`).join(' ')}
  server {
    listen 127.0.0.1:${port};
    root ${root};
    location = /ready { access_log off; return 200 ready; }
  }
}
`,
  )
  const child = spawn('nginx', ['-p', dir, '-c', config, '-e', join(dir, 'error.log')], {
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  const end = ends.add(async () => {
    child.kill()
    await ended
  })
  const isReady = async (): Promise<boolean> => (await ask(port, 'files', '/ready')) === 'ready'
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new Error(`nginx ended: see ${dir}/error.log`)
    await delay(10)
  }
  return {
    url: `http://127.0.0.1:${port}`,
    root,
    async traffic() {
      await delay(LOGGED)
      const lines = (await readFile(join(dir, 'access.log'), 'utf8')).split('\n').filter(Boolean)
      const sum = (column: number): number =>
        lines.reduce((total, line) => total + Number(line.split(' ')[column]), 0)
      return { requests: lines.length, sent: sum(1), received: sum(2) }
    },
    end,
  }
}
