/** The hooks that come with an app, and what they are told. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PypaasError } from '../../src/errors.ts'
import { script } from '../build/support.ts'
import { createShop, type Shop } from './support.ts'

/** Says at each point which version is live. */
const SEES = 'readlink "$PYPAAS_ROOT/live" || echo nothing'

const values = { apps: new Map([['shop', { values: { currency: 'EUR' } }]]) }

function said({ output }: Shop): string[] {
  return output.lines.filter((line) => !line.startsWith('hook ') && !line.startsWith('-----> '))
}

test('executables run before and after the version is live, in its directory', async () => {
  const shop = await createShop(values)
  await shop.put('1', {
    'deploy/hooks/prepare': script(`#!/bin/sh\necho "prepare $PYPAAS_VERSION"; pwd; ${SEES}\n`),
    'deploy/hooks/deployed': script(`#!/bin/sh\necho "$PYPAAS_APP $PYPAAS_TARGET $PYPAAS_VALUES"; ${SEES}\n`),
  })
  await shop.deploy()
  expect(said(shop)).toEqual([
    'prepare 1',
    shop.places.version('1'),
    'nothing',
    'shop master {"currency":"EUR"}',
    'versions/1',
  ])
})

test('a module for Node exports an object or a class', async () => {
  const shop = await createShop(values)
  await shop.put('1', {
    'deploy/hooks.mjs': `export const hook = {
      async prepare({ app, target, version, values }) { console.log('prepare', app, target, version, values.currency) },
      deployed({ directory }) { console.log('deployed', directory === process.cwd()) },
    }`,
  })
  await shop.deploy()
  expect(said(shop)).toEqual(['prepare shop master 1 EUR', 'deployed true'])
  await shop.put('2', {
    'deploy/hooks.mjs': `export class hook {
      constructor(about) { this.about = about }
      deployed() { console.log('deployed', this.about.version) }
    }`,
  })
  await shop.deploy()
  expect(said(shop).slice(2)).toEqual(['deployed 2'])
})

test('a module for Python defines a class, which may build on the one that comes with pypaas', async () => {
  const shop = await createShop(values)
  await shop.put('1', {
    'words.py': 'WORD = "imported from the app"\n',
    'deploy/hooks.py': `
from pypaas_hooks import DeployHook
from words import WORD

class Hook(DeployHook):
    def prepare(self):
        print(self.app, self.target, self.version, self.settings['currency'], WORD, flush=True)
        self.run('sh', '-c', 'pwd')

hook = Hook
`,
  })
  await shop.deploy()
  expect(said(shop)).toEqual(['shop master 1 EUR imported from the app', shop.places.version('1')])
})

test('hooks that were written for yodeploy run as they are', async () => {
  const shop = await createShop(values)
  await shop.put('1', {
    'deploy/compat': '4\n',
    'deploy/hooks.py': `
from yodeploy.hooks.base import DeployHook

class Hook(DeployHook):
    def deployed(self):
        super(Hook, self).deployed()
        print(self.app, self.deploy_path('page'))

hook = Hook
`,
  })
  await shop.deploy()
  expect(said(shop)).toEqual([`shop ${shop.places.version('1')}/page`])
})

const FAILING = {
  'an executable': { 'deploy/hooks/prepare': script('#!/bin/sh\necho why >&2\nexit 3\n') },
  'a module for Node': { 'deploy/hooks.mjs': `export const hook = { prepare() { throw new Error('why') } }` },
  'a module for Python': {
    'deploy/hooks.py': `class hook:\n    def __init__(self, *about): pass\n    def prepare(self): raise Exception('why')\n`,
  },
}

test.each(Object.entries(FAILING))(
  'if `prepare` fails as %s, what is live stays live, and nothing is left',
  async (_, files) => {
    const shop = await createShop()
    await shop.put('1', { page: 'one' })
    await shop.deploy()
    await shop.put('2', { page: 'two', ...files })
    const failed = await shop.deploy().catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(PypaasError)
    expect((failed as PypaasError).message).toContain("the app's hook prepare (deploy/hooks")
    expect((failed as PypaasError).output?.join('\n')).toContain('why')
    expect(await readlink(shop.places.live)).toBe('versions/1')
    expect(await readdir(shop.places.versions)).toEqual(['1'])
  },
)

test('if `deployed` fails, the version is live all the same, and that is said', async () => {
  const shop = await createShop()
  await shop.put('1', { 'deploy/hooks/deployed': script('#!/bin/sh\nexit 1\n') })
  await expect(shop.deploy()).rejects.toMatchObject({
    message: expect.stringContaining("the app's hook deployed (deploy/hooks/deployed) failed") as string,
    hint: 'shop 1 is live all the same; `deploy shop --rollback` goes back',
  })
  expect(await readlink(shop.places.live)).toBe('versions/1')
  expect(await readdir(shop.places.root)).not.toContain('pending.json')
})

test('a hook that nobody may execute is not passed over', async () => {
  const shop = await createShop()
  await shop.put('1', { 'deploy/hooks/prepare': '#!/bin/sh\n' })
  await expect(shop.deploy()).rejects.toThrow('deploy/hooks/prepare of the app is not executable')
})

test('templates are rendered with the values of the host, for its user only', async () => {
  const shop = await createShop({
    apps: new Map([['shop', { values: { db: { host: 'db1' }, debug: false, workers: ['a', 'b'] } }]]),
  })
  await shop.put('1', {
    'deploy/templates/etc/app.ini.mustache':
      'host = {{db.host}} & {{app}}-{{target}}-{{version}}\n{{#debug}}debug\n{{/debug}}{{#workers}}{{.}};{{/workers}}\n',
    // It finds them there.
    'deploy/hooks/prepare': script('#!/bin/sh\ncat etc/app.ini; stat -c %a etc/app.ini\n'),
  })
  await shop.deploy()
  expect(said(shop)).toEqual(['rendered etc/app.ini', 'host = db1 & shop-master-1', 'a;b;', '600'])
  expect(await readFile(join(shop.places.live, 'etc/app.ini'), 'utf8')).toContain('db1')

  await shop.put('2', { 'deploy/templates/app.ini': 'password = {{db.password}}\n' })
  await expect(shop.deploy()).rejects.toMatchObject({
    message: 'deploy/templates/app.ini names {{db.password}}, of which this host has no value',
    hint: 'add it to `apps: {shop: {values: …}}` in pypaas.yml on this host',
  })
  await shop.put('3', { 'deploy/templates/app.ini': '{{#open}}' })
  await expect(shop.deploy()).rejects.toThrow('deploy/templates/app.ini is no template')
  expect(await readlink(shop.places.live)).toBe('versions/1')
})
