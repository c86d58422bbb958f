import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { domainWith, repoWithRunners } from '../support/apps.ts'
import { temporaryDirectory } from '../support/context.ts'
import { createHost } from '../support/host.ts'

const run = promisify(execFile)

/** A directory with the wheel of a package `greet`, which pip is to take instead of asking an index. */
async function wheelDirectory(): Promise<string> {
  const directory = await temporaryDirectory()
  const files = {
    'greet.py': 'def greeting(name):\n    return f"hello {name}"\n',
    'greet-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: greet\nVersion: 1.0\n',
    'greet-1.0.dist-info/WHEEL':
      'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    'greet-1.0.dist-info/RECORD': '',
  }
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true })
    await writeFile(join(directory, name), content)
  }
  const wheel = ['-m', 'zipfile', '-c', 'greet-1.0-py3-none-any.whl', 'greet.py', 'greet-1.0.dist-info']
  await run('python3', wheel, { cwd: directory })
  return directory
}

/** A server of Python's own library that says what `expression` is. */
function server(imports: string, expression: string): string {
  return `
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
${imports}

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(${expression}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

def main():
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()

if __name__ == "__main__":
    main()
`
}

test('a Python app runs with the packages of its requirements in a virtual environment', async () => {
  const host = await createHost()
  const env = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: await wheelDirectory() }
  const web = { type: 'NginxBackend', cmd: 'python server.py' }
  await host.configure('repos/py.yml', repoWithRunners({ web }, { env }))
  await host.configure('domains/py.test.yml', domainWith('py'))
  await host.serve()

  const greeting = server('from greet import greeting', 'greeting("one")')
  const app = await host.app({ 'requirements.txt': 'greet==1.0\n', 'server.py': greeting })
  const first = await app.git('push', host.url('py'), 'main')
  expect(first.stderr).toContain('pip install -r requirements.txt')
  expect(first.status).toBe(0)
  expect((await host.get('py.test')).body).toBe('hello one')

  await app.commit({ 'server.py': server('import sys', 'sys.prefix') })
  const second = await app.git('push', host.url('py'), 'main')
  expect(second.stderr).toContain('venv: reused, requirements.txt is unchanged')
  expect(second.stderr).not.toContain('pip install')
  expect(second.status).toBe(0)
  // python on PATH is the one of the checkout.
  expect((await host.get('py.test')).body).toMatch(/^\/.*\/checkouts\/py\/main\/[^/]+\/venv$/)
  expect(await host.stop()).toEqual([])
})

test('an app with a setup.py is installed, and started by the command that it brings', async () => {
  const host = await createHost()
  // Where Debian keeps setuptools as a wheel; a newer python3 wants it from there.
  const env = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: '/usr/share/python-wheels' }
  await host.configure(
    'repos/py.yml',
    repoWithRunners({ web: { type: 'NginxBackend', cmd: 'serve-app' } }, { env }),
  )
  await host.configure('domains/py.test.yml', domainWith('py'))
  await host.serve()

  const setup = `
from setuptools import setup
setup(name="app", version="1", py_modules=["app"], entry_points={"console_scripts": ["serve-app = app:main"]})
`
  const app = await host.app({ 'setup.py': setup, 'app.py': server('', '__file__') })
  const pushed = await app.git('push', host.url('py'), 'main')
  expect(pushed.stderr).toContain('pip install -e .')
  expect(pushed.status).toBe(0)
  // Its code is the checkout's, not a copy in the virtual environment.
  expect((await host.get('py.test')).body).toMatch(/\/checkouts\/py\/main\/[^/]+\/app\.py$/)
  expect(await host.stop()).toEqual([])
})
