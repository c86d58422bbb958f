/** Packages of npm, served on loopback: real tarballs for a real npm. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { temporaryDirectory } from '../support/context.ts'
import { writeFiles } from './support.ts'

const run = promisify(execFile)

export interface Served {
  /** For package.json. */
  readonly url: string
  /** For package-lock.json. */
  readonly integrity: string
}

/** Serves one package per entry, each with the given files, until the test has ended. */
export async function servePackages(
  packages: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Promise<Record<string, Served>> {
  const directory = await temporaryDirectory()
  const tarballs = new Map<string, Buffer>()
  for (const [name, files] of Object.entries(packages)) {
    const manifest = JSON.stringify({ name, version: '1.0.0' })
    await writeFiles(join(directory, name), { 'package/package.json': manifest })
    await writeFiles(join(directory, name, 'package'), files)
    await run('tar', ['-czf', `${name}.tgz`, '-C', name, 'package'], { cwd: directory })
    tarballs.set(`/${name}.tgz`, await readFile(join(directory, `${name}.tgz`)))
  }
  const server = createServer((request, response) => {
    const tarball = tarballs.get(request.url ?? '')
    response.statusCode = tarball === undefined ? 404 : 200
    response.end(tarball)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return Object.fromEntries(
    [...tarballs].map(([path, tarball]) => [
      path.slice(1, -'.tgz'.length),
      {
        url: `http://127.0.0.1:${port}${path}`,
        integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
      },
    ]),
  )
}

/** package.json and package-lock.json of an app with these dependencies. */
export function lockedApp(
  dependencies: Readonly<Record<string, Served>>,
  devDependencies: Readonly<Record<string, Served>> = {},
  scripts: Readonly<Record<string, string>> = {},
): { 'package.json': string; 'package-lock.json': string } {
  const urls = (served: Readonly<Record<string, Served>>): Record<string, string> =>
    Object.fromEntries(Object.entries(served).map(([name, { url }]) => [name, url]))
  const root = {
    name: 'app',
    version: '1.0.0',
    dependencies: urls(dependencies),
    devDependencies: urls(devDependencies),
  }
  const entries = (served: Readonly<Record<string, Served>>, more: object): [string, object][] =>
    Object.entries(served).map(([name, { url, integrity }]) => [
      `node_modules/${name}`,
      { version: '1.0.0', resolved: url, integrity, ...more },
    ])
  return {
    'package.json': JSON.stringify({ ...root, scripts }),
    'package-lock.json': JSON.stringify({
      name: 'app',
      version: '1.0.0',
      lockfileVersion: 3,
      packages: Object.fromEntries([
        ['', root],
        ...entries(dependencies, {}),
        ...entries(devDependencies, { dev: true }),
      ]),
    }),
  }
}
