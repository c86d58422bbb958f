import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Context } from '../../src/context.ts'
import { ensureHostSvscan, stopHostSvscan } from '../../src/services/host-svscan.ts'
import { legacyServicesOf, runsIn, stopLegacyServices } from '../../src/services/legacy.ts'
import { enlist, stopServices } from '../../src/services/tree.ts'
import {
  eventually,
  listing,
  namesOfHome,
  processesOfHome,
  release,
  runner,
  servicesContext,
  started,
} from './release.ts'

/** A service as pyPaaS makes it. */
async function legacyService(ctx: Context, name: string, checkout: string): Promise<void> {
  const directory = join(ctx.paths.servicesReal, name)
  await mkdir(join(directory, 'log'), { recursive: true })
  const path = join(ctx.paths.checkouts, checkout)
  await mkdir(path, { recursive: true })
  const run = `#!/bin/sh\ncd ${path}\nexport PORT=61500\nexec 2>&1\nexec sleep 1000\n`
  await writeFile(join(directory, 'run'), run, { mode: 0o755 })
  await writeFile(join(directory, 'log', 'run'), '#!/bin/sh\nexec multilog t ./main\n', { mode: 0o755 })
  await mkdir(ctx.paths.services, { recursive: true })
  await symlink(directory, join(ctx.paths.services, name))
}

test('the services that pyPaaS runs for a branch are ended and removed, and nothing else', async () => {
  const ctx = await servicesContext()
  await legacyService(ctx, 'NginxBackend-shop-master-0', 'shop/master/20160102_030405')
  await legacyService(ctx, 'NginxBackend-shop-master-1', 'shop/master/20160102_030405')
  await legacyService(ctx, 'NginxBackend-shop-master2-0', 'shop/master2/20160102_030405')
  const made = release([runner('sleep 1000')])
  await started(ctx, made)
  await enlist(ctx, made)
  await ensureHostSvscan(ctx)
  const sleepers = (): number => namesOfHome(ctx).filter((name) => name === 'sleep').length
  await eventually('all of them', () => sleepers() === 4)

  expect(await legacyServicesOf(ctx, made)).toEqual([
    'NginxBackend-shop-master-0',
    'NginxBackend-shop-master-1',
  ])
  await stopLegacyServices(ctx, made)
  await stopLegacyServices(ctx, made)
  expect(sleepers()).toBe(2)
  expect(await legacyServicesOf(ctx, made)).toEqual([])
  expect(listing(ctx.paths.services)).toEqual([
    'NginxBackend-shop-master2-0',
    'shop+master+20260102_030405-0123456789a',
  ])
  expect(listing(ctx.paths.servicesReal)).toEqual(['NginxBackend-shop-master2-0', 'shop'])

  await stopHostSvscan(ctx)
  await stopLegacyServices(ctx, { repo: 'shop', branch: 'master2' })
  await stopServices(ctx, made)
  expect(processesOfHome(ctx)).toEqual([])
})

test.each([
  ['cd /h/checkouts/shop/a/20160102_030405', true],
  ["cd '/h/checkouts/shop/a/20160102_030405-0123456789a/'; x", true],
  ['cd /h/checkouts/shop/a/b/20160102_030405', false],
  ['cd /h/checkouts/shop/ab/20160102_030405', false],
  ['cd /x/h/checkouts/shop/a/20160102_030405', false],
  ['echo hello', false],
])('`%s` works in a checkout of the branch: %s', (script, expected) => {
  expect(runsIn(script, '/h/checkouts/shop/a')).toBe(expected)
})
