/** The kinds of apps whose pushes are measured: their files, their runner, and what of a deploy is the app's own. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { plainServer, type BenchApp, type Source } from './app.ts'
import { appEnvironment, timeBoot } from './floor.ts'
import type { BenchHost } from './host.ts'
import { projectFile } from './program.ts'

export interface Kind {
  readonly name: string
  readonly repo: string
  readonly source: Source
  readonly runner: object
  readonly env?: Readonly<Record<string, string>>
  /** Milliseconds of the parts of the floor beside the push, by their names. */
  readonly parts: Readonly<Record<string, (app: BenchApp) => Promise<number>>>
  /** What the parts need in the working copy, once. */
  prepare?(app: BenchApp): Promise<void>
}

const NODE = { type: 'NginxBackend', cmd: 'node server.mjs' }
const boot = (app: BenchApp): Promise<number> => timeBoot(app.dir, ['node', 'server.mjs'])

export const plain: Kind = {
  name: 'no dependencies',
  repo: 'plain',
  source: plainServer,
  runner: NODE,
  parts: { boot },
}

/** Express with the lock file of the tests' fixture; `changes`: every version has another lock file. */
export async function express(host: BenchHost, changes: boolean): Promise<Kind> {
  const [manifest, lock] = await Promise.all([fixture('package.json'), fixture('package-lock.json')])
  delete manifest['scripts']
  const env = npmAccess()
  const npm = join(host.client, 'npm-cache')
  const install = (dir: string): Promise<unknown> =>
    execa('npm', ['ci', '--no-audit', '--no-fund'], {
      cwd: dir,
      env: { ...appEnvironment(), ...env, npm_config_cache: npm, npm_config_update_notifier: 'false' },
      extendEnv: false,
      stdin: 'ignore',
    })
  const ci = async (app: BenchApp): Promise<number> => {
    const dir = join(host.client, 'ci')
    await mkdir(dir)
    for (const file of ['package.json', 'package-lock.json']) await cp(join(app.dir, file), join(dir, file))
    const start = performance.now()
    await install(dir)
    const took = performance.now() - start
    await rm(dir, { recursive: true })
    return took
  }
  return {
    name: changes ? 'Express, changed lock file' : 'Express, unchanged lock file',
    repo: changes ? 'express-changed' : 'express',
    source: (version, number) => {
      const release = changes ? `1.0.${number}` : '1.0.0'
      return {
        '.gitignore': 'node_modules\n',
        'package.json': JSON.stringify({ ...manifest, version: release }),
        'package-lock.json': JSON.stringify({ ...lock, version: release }),
        'server.mjs': `import express from 'express'
const app = express()
app.get('/', (request, response) => response.send(${JSON.stringify(version)}))
app.listen(process.env.PORT, '127.0.0.1')
`,
      }
    },
    runner: NODE,
    env,
    parts: changes ? { 'npm ci': ci, boot } : { boot },
    prepare: async (app) => void (await install(app.dir)),
  }
}

/** A server of Python's own library with one package, whose wheel lies in a directory. */
export async function python(host: BenchHost): Promise<Kind> {
  const env = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: await wheelDirectory(host) }
  const run = (dir: string, [program = '', ...args]: readonly string[]): Promise<unknown> =>
    execa(program, args, {
      cwd: dir,
      env: { ...appEnvironment(), ...env },
      extendEnv: false,
      stdin: 'ignore',
    })
  return {
    name: 'Python venv, unchanged requirements',
    repo: 'python',
    source: (version) => ({
      '.gitignore': 'venv\n',
      'requirements.txt': 'greet==1.0\n',
      'server.py': `import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from greet import greeting

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = greeting(${JSON.stringify(version)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`,
    }),
    runner: { type: 'NginxBackend', cmd: 'python server.py' },
    env,
    parts: { boot: (app) => timeBoot(app.dir, [join(app.dir, 'venv/bin/python'), 'server.py']) },
    async prepare(app) {
      await run(app.dir, ['python3', '-m', 'venv', 'venv'])
      await run(app.dir, ['venv/bin/python', '-m', 'pip', 'install', '-q', '-r', 'requirements.txt'])
    },
  }
}

/** A wheel is a zip file with its metadata (PEP 427). */
async function wheelDirectory(host: BenchHost): Promise<string> {
  const directory = join(host.client, 'wheels')
  const metadata = join(directory, 'greet-1.0.dist-info')
  await mkdir(metadata, { recursive: true })
  await writeFile(join(directory, 'greet.py'), 'def greeting(text):\n    return text\n')
  await writeFile(join(metadata, 'METADATA'), 'Metadata-Version: 2.1\nName: greet\nVersion: 1.0\n')
  const wheel = 'Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n'
  await writeFile(join(metadata, 'WHEEL'), wheel)
  await writeFile(join(metadata, 'RECORD'), '')
  const zip = ['-m', 'zipfile', '-c', 'greet-1.0-py3-none-any.whl', 'greet.py', 'greet-1.0.dist-info']
  await execa('python3', zip, { cwd: directory })
  return directory
}

const PAGES = 2000

/** Small pages, of which one changes. */
export const site: Kind = {
  name: `static site of ${PAGES} files`,
  repo: 'site',
  source: (version) => ({
    'index.html': version,
    ...Object.fromEntries(
      Array.from({ length: PAGES }, (_, at) => [
        `section-${at % 20}/page-${at}.html`,
        `<!doctype html><title>Page ${at}</title>${`<p>Line of page ${at}.`.repeat(40)}\n`,
      ]),
    ),
  }),
  runner: { type: 'NginxStatic' },
  parts: {
    async checkout(app) {
      const dir = join(app.dir, '..', 'checked-out')
      const start = performance.now()
      await app.git('checkout-index', '--all', `--prefix=${dir}/`)
      const took = performance.now() - start
      await rm(dir, { recursive: true })
      return took
    },
  },
}

async function fixture(name: string): Promise<Record<string, unknown>> {
  const text = await readFile(projectFile(`test/fixtures/express/${name}`), 'utf8')
  return JSON.parse(text) as Record<string, unknown>
}

/** What npm needs to reach its registry from here, if it needs anything; builds get no other variables of ours. */
function npmAccess(): Record<string, string> {
  const names = ['NODE_EXTRA_CA_CERTS', 'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy']
  return Object.fromEntries(
    [...names, 'npm_config_registry'].flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}
