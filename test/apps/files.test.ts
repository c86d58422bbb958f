/** Apps without runners: files below a link. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { keptVersions } from '../../src/apps/listing.ts'
import { planPruning } from '../../src/apps/prune.ts'
import type { Installed } from '../../src/apps/records.ts'
import { script } from '../build/support.ts'
import { mainConfig } from '../support/context.ts'
import { APP, createShop, type Shop } from './support.ts'

const page = ({ places }: Shop): Promise<string> => readFile(join(places.live, 'page'), 'utf8')

function at(version: string, former?: string): Installed {
  return {
    version,
    artifact: 'shop.tar.gz',
    sha256: '',
    commit: '',
    subject: '',
    by: 'alice',
    deployed: '',
    ...(former === undefined ? {} : { former }),
  }
}

async function versions({ ctx }: Shop): Promise<string[]> {
  const kept = await keptVersions(ctx, APP, undefined)
  return kept.map(({ version, live }) => (live ? `*${version}` : version))
}

test('the latest version goes live, older ones are kept, and can be gone back to', async () => {
  const shop = await createShop()
  for (const version of ['1.9', '1.10']) {
    await shop.put(version, { page: version })
    expect(await shop.deploy()).toBe(version)
    expect(await page(shop)).toBe(version)
  }
  expect(await readlink(shop.places.live)).toBe('versions/1.10')
  expect(await versions(shop)).toEqual(['*1.10', '1.9'])
  expect(await keptVersions(shop.ctx, APP, undefined)).toMatchObject([{ by: 'alice' }, {}])
  // Neither the working area nor anything half done.
  expect(await readdir(shop.places.versions)).toEqual(['1.10', '1.9'])

  await shop.rollBack()
  expect(await page(shop)).toBe('1.9')
  await shop.rollBack('1.10')
  expect(await page(shop)).toBe('1.10')
  await expect(shop.rollBack('1.10')).rejects.toThrow('1.10 is live already')
  await expect(shop.rollBack('1.8')).rejects.toThrow('the version 1.8 is not kept')
})

test('what is live is not deployed once more; what is kept is not fetched once more', async () => {
  const shop = await createShop()
  await shop.put('1', { page: 'one', 'deploy/hooks/prepare': script('#!/bin/sh\necho ran >> prepared\n') })
  await shop.put('2', { page: 'two' })
  await shop.deploy('1')
  await shop.deploy('1')
  expect(shop.output.lines.at(-1)).toBe('shop master 1 is live already')
  await shop.deploy('2')
  const fetched = (): number => shop.output.lines.filter((line) => line.includes('Fetching')).length
  expect(fetched()).toBe(2)
  await shop.deploy('1')
  expect(fetched()).toBe(2)
  expect(await page(shop)).toBe('one')
  // What the host says may be another by now.
  expect(await readFile(join(shop.places.live, 'prepared'), 'utf8')).toBe('ran\nran\n')
})

test('a version that was put again with another content is fetched, unless it is live', async () => {
  const shop = await createShop()
  await shop.put('1', { page: 'one' })
  await shop.put('2', { page: 'two' })
  await shop.deploy('1')
  await shop.deploy('2')
  await shop.artifacts.delete({ app: APP.app, version: '1' })
  await shop.put('1', { page: 'another' })
  await shop.deploy('1')
  expect(await page(shop)).toBe('another')
  await shop.artifacts.delete({ app: APP.app, version: '1' })
  await shop.put('1', { page: 'a third' })
  await expect(shop.deploy('1')).rejects.toThrow('shop 1 is live already, with another content')
  expect(await page(shop)).toBe('another')
})

test('versions beyond those that are kept go, never the live one or the one before it', async () => {
  const shop = await createShop({ ...mainConfig(), releases: { keep: 2 } })
  for (const version of ['1', '2', '3', '4']) {
    await shop.put(version, { page: version })
    await shop.deploy(version)
  }
  expect(await versions(shop)).toEqual(['*4', '3'])
  expect(await readdir(shop.places.versions)).toEqual(['3', '4'])
  await shop.deploy('1')
  expect(await versions(shop)).toEqual(['*1', '4'])
})

test('what is planned to go keeps the live version and where a rollback goes', () => {
  const all = [at('1'), at('2', '1'), at('3', '2'), at('4', '3'), at('5', '4')]
  expect(planPruning(all, '5', 1)).toEqual(['1', '2', '3'])
  expect(planPruning(all, '2', 1)).toEqual(['3', '4'])
  expect(planPruning(all, undefined, 5)).toEqual([])
})

test('a target is an app of its own', async () => {
  const shop = await createShop()
  await shop.put('1', { page: 'one' })
  const app = { app: 'shop', target: 'feature/x' }
  await expect(shop.deploy('1', { app })).rejects.toThrow('there is no shop/feature%2Fx/shop.tar.gz/1')
  expect(await keptVersions(shop.ctx, app, undefined)).toEqual([])
})

test('an archive of one directory is that directory', async () => {
  const shop = await createShop()
  await shop.put('1', { 'shop-1/page': 'one' })
  await shop.deploy()
  expect(await page(shop)).toBe('one')
})

test('a version cannot have the name of the working area', async () => {
  const shop = await createShop()
  await shop.put('unpack', { page: 'one' })
  await expect(shop.deploy()).rejects.toThrow('a version cannot be called unpack')
})
