/** Virtualenvs of apps: shared by versions, and gone with the last of them. */
import { readdir, readlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { linkVirtualenv } from '../../src/apps/virtualenv.ts'
import { versionAt } from '../../src/apps/install.ts'
import { capture } from '../../src/system/run.ts'
import { packages } from '../artifact/support.ts'
import { recorded, script, writeFiles } from '../build/support.ts'
import { APP, createShop } from './support.ts'

/** Nothing is to be had from anywhere; each text is a virtualenv of its own. */
const nothing = (name: string): string => `# ${name}\n`

test('versions with the same requirements share one, and the last of them takes it along', async () => {
  const shop = await createShop({ releases: { keep: 1 } })
  const keys = async (): Promise<string[]> =>
    (await readdir(shop.places.virtualenvs)).filter((name) => !/\.(lock|complete)$/.test(name))
  const linked = async (version: string): Promise<string> =>
    readlink(join(shop.places.version(version), 'venv'))
  const prepare = script('#!/bin/sh\npython -c "import sys; print(sys.prefix)"\n')
  for (const [version, requirements] of [
    ['1', 'a'],
    ['2', 'a'],
    ['3', 'b'],
  ] as const) {
    await shop.put(version, { 'requirements.txt': nothing(requirements), 'deploy/hooks/prepare': prepare })
  }

  await shop.deploy('1')
  const [key = ''] = await keys()
  expect(key).toMatch(/^3\.\d+\.\d+-.*linux.*-[0-9a-f]{32}$/i)
  const path = shop.places.virtualenv(key)
  expect(await linked('1')).toBe(path)
  // Hooks have it on their PATH, and the name that apps of yodeploy know.
  expect(shop.output.lines).toContain(join(shop.places.version('1'), 'venv'))
  expect(await readlink(join(shop.places.live, 'virtualenv'))).toBe('venv')

  await shop.deploy('2')
  expect(await linked('2')).toBe(path)
  expect(await keys()).toEqual([key])
  expect(shop.output.lines).toContain(`virtualenv ${key} is there already`)

  // Version 2 is where a rollback of it goes.
  await shop.deploy('3')
  expect(await keys()).toHaveLength(2)
  await shop.put('4', { page: 'without' })
  await shop.deploy('4')
  const left = await keys()
  expect(left).toHaveLength(1)
  expect(left).not.toContain(key)
  await shop.put('5', { page: 'without' })
  await shop.deploy('5')
  expect(await readdir(shop.places.virtualenvs)).toEqual([])
})

test('packages that came with the artifact are installed from there alone', async () => {
  const { ctx } = await createShop()
  const wheels = await packages()
  const path = ctx.paths.app(APP).version('1')
  await writeFiles(path, { 'requirements.txt': 'greet\n' })
  const version = versionAt({ ctx, app: APP, branch: undefined }, '1', { path, commit: '0'.repeat(40) })
  const run = { output: recorded(), signal: new AbortController().signal }
  await linkVirtualenv(ctx, version, wheels, run)
  expect(await capture([join(path, 'venv/bin/greet-cli')], { env: ctx.baseEnv })).toBe('greet runs')
  expect(dirname(await readlink(join(path, 'venv')))).toBe(ctx.paths.app(APP).virtualenvs)

  const other = ctx.paths.app(APP).version('2')
  await writeFiles(other, { 'requirements.txt': 'absent-from-the-wheels\n' })
  const without = versionAt({ ctx, app: APP, branch: undefined }, '2', {
    path: other,
    commit: '0'.repeat(40),
  })
  await expect(linkVirtualenv(ctx, without, wheels, run)).rejects.toThrow('pip install')
})
