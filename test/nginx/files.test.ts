import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nginxRunning } from '../../src/nginx/managed.ts'
import { workersOf } from '../../src/nginx/reload.ts'
import { ask, domainOf, files, goLive, liveOf, nginxContext, raw, route, stage } from './support.ts'

const LOCATIONS = {
  '/': 'site/all',
  '/public': 'site/public',
  '= /exact.txt': 'site/public',
  '~ \\.png$': 'site/all',
}

const CONTENTS = {
  'index.html': '<p>home</p>',
  '.env': 'SECRET=1',
  '.git/config': 'git',
  '.well-known/security.txt': 'write to us',
  '.well-known/.hidden': 'hidden',
  'picture.png': 'root picture',
  'package.json': 'outside of public',
  'public/index.html': '<p>public</p>',
  'public/app.js': 'alert(1)',
  'public/.env': 'SECRET=2',
  'public/exact.txt': 'exactly',
  'public/docs/index.html': '<p>docs</p>',
  'public/inside.js': '-> app.js',
  'public/outside.txt': '-> ../../../../../secret.txt',
  'public/up': '-> ..',
  'public/root': '-> /',
}

async function site(locations: Record<string, string> = LOCATIONS, extra = '') {
  const ctx = await nginxContext([domainOf('site.test', locations)])
  const runners = [files('all'), files('public', { subdirectory: 'public', nginxExtraConfig: extra })]
  const live = liveOf(ctx, 'site', runners)
  await writeFile(join(ctx.paths.home, 'secret.txt'), 'secret')
  await goLive(ctx, live, CONTENTS)
  await route(ctx, [live])
  return { ctx, live }
}

test('files of the checkout are served below their location, by exact path and by pattern', async () => {
  const { ctx } = await site()
  const bodies = []
  for (const path of [
    '/',
    '/public/',
    '/public/app.js',
    '/public/docs/',
    '/exact.txt',
    '/picture.png',
    '/none',
  ]) {
    const { status, body } = await ask(ctx, 'site.test', { path })
    bodies.push([path, status, status === 200 ? body : ''])
  }
  expect(bodies).toEqual([
    ['/', 200, '<p>home</p>'],
    ['/public/', 200, '<p>public</p>'],
    ['/public/app.js', 200, 'alert(1)'],
    ['/public/docs/', 200, '<p>docs</p>'],
    ['/exact.txt', 200, 'exactly'],
    ['/picture.png', 200, 'root picture'],
    ['/none', 404, ''],
  ])
})

test('a directory without its slash is redirected, with the path alone', async () => {
  const { ctx } = await site()
  const mount = await ask(ctx, 'site.test', { path: '/public?a=b' })
  expect([mount.status, mount.headers.location]).toEqual([301, '/public/?a=b'])
  const inside = await ask(ctx, 'site.test', { path: '/public/docs' })
  expect([inside.status, inside.headers.location]).toEqual([301, '/public/docs/'])
})

test('no dot file is served but those of .well-known', async () => {
  const { ctx } = await site()
  for (const path of [
    '/.env',
    '/.git/config',
    '/public/.env',
    '/public/%2eenv',
    '/.well-known/.hidden',
    '/x/.y.png',
  ]) {
    expect([path, (await ask(ctx, 'site.test', { path })).status]).toEqual([path, 404])
  }
  expect((await ask(ctx, 'site.test', { path: '/.well-known/security.txt' })).body).toBe('write to us')
})

test('no path and no symbolic link leads out of what is served', async () => {
  const { ctx } = await site()
  const { port } = ctx.config.main.nginx.http
  for (const [path, status] of [
    ['/public../package.json', 404],
    ['/public../.env', 404],
    ['/public/../../secret.txt', 400],
    ['/public/%2e%2e/%2e%2e/secret.txt', 400],
    ['/public/outside.txt', 403],
    ['/public/up/package.json', 404],
    ['/public/root/etc/passwd', 404],
    ['/public/inside.js', 403],
  ] as const) {
    const answer = await raw(port, `GET ${path} HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n`)
    expect([path, answer.split(' ')[1]]).toEqual([path, String(status)])
  }
})

test("the operator's text for a runner goes before what files are served with", async () => {
  const extra = 'index other.html app.js;\ndisable_symlinks off;\n'
  const { ctx } = await site({ '/public': 'site/public' }, extra)
  expect((await ask(ctx, 'site.test', { path: '/public/' })).body).toBe('alert(1)')
  expect((await ask(ctx, 'site.test', { path: '/public/inside.js' })).body).toBe('alert(1)')
})

test('only GET and HEAD are answered', async () => {
  const { ctx } = await site()
  expect((await ask(ctx, 'site.test', { method: 'HEAD' })).status).toBe(200)
  expect((await ask(ctx, 'site.test', { method: 'POST' })).status).toBe(405)
})

test('a deploy of files switches by the link alone: no file of nginx changes, no worker ends', async () => {
  const { ctx } = await site()
  const master = (await nginxRunning(ctx)) ?? 0
  const workers = await workersOf(master)
  const runners = [files('all'), files('public', { subdirectory: 'public' })]
  const next = liveOf(ctx, 'site', runners, {}, '20260801_101600-0123456789a')
  const staged = await stage(ctx, [next])
  expect(staged.changed).toBe(false)
  await goLive(ctx, next, { ...CONTENTS, 'index.html': '<p>next</p>' })
  await staged.activate()
  expect((await ask(ctx, 'site.test')).body).toBe('<p>next</p>')
  expect(await workersOf(master)).toEqual(workers)
})

test('names with spaces, quotes and dollar signs are what they are', async () => {
  const ctx = await nginxContext([domainOf('site.test', { '/a': 'site/odd' })])
  const live = liveOf(ctx, 'site', [files('odd', { subdirectory: `o'd d "$1"` })])
  await goLive(ctx, live, { [`o'd d "$1"/x.txt`]: 'found' })
  await route(ctx, [live])
  expect((await ask(ctx, 'site.test', { path: '/a/x.txt' })).body).toBe('found')
})
