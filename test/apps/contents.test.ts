/** What is refused of what was unpacked. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkCompat, checkIdentity } from '../../src/apps/contents.ts'
import { packTree } from '../../src/artifact/pack.ts'
import { build, unpacked } from '../artifact/support.ts'
import { writeFiles } from '../build/support.ts'
import { createApp } from '../support/app.ts'
import { temporaryDirectory } from '../support/context.ts'
import { createShop } from './support.ts'

test.each(['4', '5'])('compat level %s runs', (level) => {
  expect(() => checkCompat(level)).not.toThrow()
})

test.each([
  ['1', "the app's compat level 1 is no longer supported"],
  ['2', "the app's compat level 2 is no longer supported"],
  ['3', "the app's compat level 3 is no longer supported"],
  ['6', 'the app\'s compat level "6" is not known'],
  ['', 'the app\'s compat level "" is not known'],
  ['5 ', 'the app\'s compat level "5 " is not known'],
])('compat level %j does not', (level, message) => {
  expect(() => checkCompat(level)).toThrow(message)
})

test('an app for a system that is gone is refused before anything of it runs', async () => {
  const shop = await createShop()
  await shop.put('1', { 'deploy/compat': '3\n', 'deploy/hooks.mjs': 'console.log("ran")' })
  await expect(shop.deploy()).rejects.toMatchObject({
    message: "the app's compat level 3 is no longer supported",
    hint: expect.stringContaining('levels 4 and 5 run here') as string,
  })
  expect(shop.output.lines.filter((line) => !line.startsWith('-----> '))).toEqual([])
})

test.each([
  ['its app', 'shop', 'shop.tar.gz', '1'],
  ['its artifact', 'shop-files', 'shop-files.tar.bz2', '1'],
  ['its artifact without a format', 'docs', 'docs', '1'],
])('what is named like %s is that', (_, name, artifact, version) => {
  expect(() => checkIdentity({ name, version }, { app: 'shop', artifact, version })).not.toThrow()
})

test('an artifact that was built as another version or app does not pass for this one', async () => {
  const shop = await createShop()
  const app = await createApp({ page: 'one', 'package.json': '{"name": "shop"}' })
  const { path } = await build(shop.ctx, app.dir, { version: '1' })
  await shop.artifacts.put({ app: 'shop', version: '1' }, path, {})
  expect(await shop.deploy()).toBe('1')
  expect(await readFile(join(shop.places.live, 'page'), 'utf8')).toBe('one')

  // A former version, with its signature, as the newest.
  await shop.artifacts.put({ app: 'shop', version: '2' }, path, {})
  await expect(shop.deploy()).rejects.toMatchObject({
    code: 'denied',
    message: "the repository's shop.tar.gz 2 of shop is shop 1 by its info.json",
  })
  const other = await createApp({ page: 'other', 'package.json': '{"name": "blog"}' })
  const { path: blog } = await build(shop.ctx, other.dir, { version: '3' })
  await shop.artifacts.put({ app: 'shop', version: '3' }, blog, {})
  await expect(shop.deploy()).rejects.toMatchObject({
    code: 'denied',
    hint: expect.stringContaining('artifact put blog') as string,
  })
  expect(await readFile(join(shop.places.live, 'page'), 'utf8')).toBe('one')
})

test('an artifact whose files are not those that were built is refused', async () => {
  const shop = await createShop()
  const app = await createApp({ page: 'one', 'package.json': '{"name": "shop"}' })
  const tree = await unpacked(await build(shop.ctx, app.dir, { version: '1' }))
  await writeFiles(join(tree, 'data/app'), { page: 'altered' })
  const archive = join(await temporaryDirectory(), 'made.tar.gz')
  await packTree(tree, archive, 'tar.gz')
  await shop.artifacts.put({ app: 'shop', version: '1' }, archive, {})
  await expect(shop.deploy()).rejects.toThrow('shop 1 is not what was built: data/app/page was altered')
})
