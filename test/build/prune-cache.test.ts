import { mkdir, readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pruneCache } from '../../src/build/prune-cache.ts'
import { testContext } from '../support/context.ts'
import { writeFiles } from './support.ts'

const NOW = new Date('2026-07-01T12:00:00Z')

function daysAgo(days: number): Date {
  return new Date(NOW.getTime() - days * 86_400_000)
}

test('trees that no build has used for the given time go, the others stay', async () => {
  const ctx = { ...(await testContext()), now: () => NOW }
  for (const [key, days] of [
    ['old', 31],
    ['recent', 29],
  ] as const) {
    await writeFiles(ctx.paths.tree(key), { 'manifest.json': '{}', 'tree/a/index.js': '' })
    await utimes(join(ctx.paths.tree(key), 'manifest.json'), daysAgo(days), daysAgo(days))
  }
  expect(await pruneCache(ctx, 30)).toEqual(['old'])
  expect(await readdir(ctx.paths.trees)).toEqual(['recent'])
})

test('what an interrupted build left goes after a day', async () => {
  const ctx = { ...(await testContext()), now: () => NOW }
  for (const [name, days] of [
    ['.key.0123', 2],
    ['.key.4567', 0.1],
  ] as const) {
    const path = join(ctx.paths.trees, name)
    await mkdir(path, { recursive: true })
    await utimes(path, daysAgo(days), daysAgo(days))
  }
  expect(await pruneCache(ctx)).toEqual([])
  expect(await readdir(ctx.paths.trees)).toEqual(['.key.4567'])
})

test('there is nothing to remove on a new host', async () => {
  expect(await pruneCache(await testContext())).toEqual([])
})
