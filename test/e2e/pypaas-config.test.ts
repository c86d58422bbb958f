import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { httpServer } from '../support/apps.ts'
import { createHost } from '../support/host.ts'

/** A file of pyPaaS's own example configuration. */
function example(name: string): Promise<string> {
  return readFile(new URL(`../fixtures/pypaas-config/${name}`, import.meta.url), 'utf8')
}

const DOMAIN = 'node-js-sample.example.com'

function files(version: string): Record<string, string> {
  return {
    'package.json': JSON.stringify({
      name: 'node-js-sample',
      type: 'module',
      scripts: { start: 'node index.js' },
    }),
    'index.js': httpServer(`'${version} ' + process.env.NODE_ENV + ' ' + process.env.PORT`),
    'public/node.svg': `<svg><!-- ${version} --></svg>`,
  }
}

test("pyPaaS's example configuration, unchanged, deploys a web app", async () => {
  const host = await createHost()
  // Only where it listens is added: the default would be the host's own port 80.
  const here = parse(await readFile(`${host.home}/config/pypaas.yml`, 'utf8')) as Record<string, object>
  const listening = stringify({ ssh: here['ssh'], nginx: here['nginx'] })
  await host.configure('pypaas.yml', `${await example('pypaas.yml')}\n${listening}`)
  await host.configure('repos/node-js-sample.yml', await example('repos/node-js-sample.yml'))
  await host.configure(`domains/${DOMAIN}.yml`, await example(`domains/${DOMAIN}.yml`))
  const checked = await host.pypaas('check')
  expect(checked.stderr).toBe('')
  expect(checked.stdout).toContain('1 repo, 1 branch, 5 processes, 1 domain')
  expect(checked.status).toBe(0)
  await host.serve()

  const app = await host.app(files('one'))
  await app.git('branch', '-m', 'main', 'master')
  const first = await app.git('push', host.url('node-js-sample'), 'master')
  expect(first.stderr).toContain('do backup')
  expect(first.stderr).toContain('run migrations')
  expect(first.stderr).toContain('Starting 5 processes')
  expect(first.stderr).toContain(`Live at http://${DOMAIN}:${host.httpPort}/`)
  expect(first.status).toBe(0)

  const answers = async (): Promise<string[]> => {
    const asked = await Promise.all(Array.from({ length: 40 }, () => host.get(DOMAIN)))
    return [...new Set(asked.map(({ body }) => body))].toSorted()
  }
  const seen = await answers()
  expect(seen).toHaveLength(4)
  for (const answer of seen) expect(answer).toMatch(/^one production 61[5-8]\d\d$/)
  expect((await host.get(DOMAIN, '/public/node.svg')).body).toContain('one')

  await app.commit(files('two'))
  expect((await app.git('push', host.url('node-js-sample'), 'master')).status).toBe(0)
  for (const answer of await answers()) expect(answer).toMatch(/^two /)
  expect((await host.get(DOMAIN, '/public/node.svg')).body).toContain('two')

  // `cmd: node`, which would end at once if its standard input did, is up.
  const status = await host.pypaas('status')
  expect(status.stdout).toMatch(/background_worker-0\s+up/)
  expect(status.status).toBe(0)
  const listed = await host.ssh('custom_cmds', 'node-js-sample', 'master', 'npm_list')
  expect(listed.stdout).toMatch(/^node-js-sample@.*\/checkouts\/node-js-sample\/master\//)
  expect(listed.status).toBe(0)
  expect(await host.stop()).toEqual([])
})
