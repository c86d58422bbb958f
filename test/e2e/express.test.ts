import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { domainWith, registryAccess, repoWithRunners } from '../support/apps.ts'
import { createHost } from '../support/host.ts'

interface Manifest {
  readonly dependencies: Record<string, string>
}
interface LockFile {
  readonly packages: Record<string, unknown> & { '': Manifest }
}

async function fixture(name: string): Promise<unknown> {
  return JSON.parse(await readFile(new URL(`../fixtures/express/${name}`, import.meta.url), 'utf8'))
}

/** package.json and package-lock.json of the fixture. */
async function manifests(): Promise<{ readonly manifest: Manifest; readonly lock: LockFile }> {
  return {
    manifest: (await fixture('package.json')) as Manifest,
    lock: (await fixture('package-lock.json')) as LockFile,
  }
}

/** The two files as they were before the app had `kleur`. */
async function manifestsBefore(): Promise<Record<string, string>> {
  const { manifest, lock } = await manifests()
  delete manifest.dependencies['kleur']
  delete lock.packages[''].dependencies['kleur']
  delete lock.packages['node_modules/kleur']
  return { 'package.json': JSON.stringify(manifest), 'package-lock.json': JSON.stringify(lock) }
}

const build = `
import { writeFile } from 'node:fs/promises'
import mustache from 'mustache'
await writeFile('page.html', mustache.render('built in {{mode}}', { mode: process.env.NODE_ENV }))
`

function server(answer: string): string {
  return `
import express from 'express'
import { readFileSync } from 'node:fs'
const app = express()
app.get('/', (request, response) => { ${answer} })
app.get('/dev', (request, response) => import('mustache').then(() => response.send('there'), ({ code }) => response.send(code)))
app.listen(process.env.PORT, '127.0.0.1')
`
}

test('an Express app installs from npm once, and again only when its lock file has changed', async () => {
  const host = await createHost()
  const env = { ...registryAccess(), NODE_ENV: 'production' }
  await host.configure(
    'repos/shop.yml',
    repoWithRunners({ web: { type: 'NginxBackend', cmd: 'npm start' } }, { env }),
  )
  await host.configure('domains/shop.test.yml', domainWith('shop'))
  await host.serve()

  const page = `response.send(readFileSync('page.html', 'utf8'))`
  const app = await host.app({ ...(await manifestsBefore()), 'build.mjs': build, 'server.mjs': server(page) })
  const first = await app.git('push', host.url('shop'), 'main')
  expect(first.stderr).toContain('$ npm ci')
  expect(first.stderr).toContain('$ npm run build')
  expect(first.status).toBe(0)
  expect((await host.get('shop.test')).body).toBe('built in production')
  // The build had its dev dependency; the running app does not.
  expect((await host.get('shop.test', '/dev')).body).toBe('ERR_MODULE_NOT_FOUND')

  await app.commit({ 'server.mjs': server(`response.send('two')`) })
  const second = await app.git('push', host.url('shop'), 'main')
  expect(second.stderr).toContain('node_modules: reused, package-lock.json is unchanged')
  expect(second.stderr).not.toContain('$ npm ci')
  expect(second.status).toBe(0)
  expect((await host.get('shop.test')).body).toBe('two')
  expect((await host.get('shop.test', '/dev')).body).toBe('ERR_MODULE_NOT_FOUND')

  const { manifest, lock } = await manifests()
  await app.commit({
    'package.json': JSON.stringify(manifest),
    'package-lock.json': JSON.stringify(lock),
    'server.mjs': `import kleur from 'kleur'\n${server(`response.send(typeof kleur.bold)`)}`,
  })
  const third = await app.git('push', host.url('shop'), 'main')
  expect(third.stderr).toContain('$ npm ci')
  expect(third.status).toBe(0)
  expect((await host.get('shop.test')).body).toBe('function')
  expect(await host.stop()).toEqual([])
})
