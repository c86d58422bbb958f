import { mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ensureNginx, nginxRunning, stopNginx } from '../../src/nginx/managed.ts'
import { workersOf } from '../../src/nginx/reload.ts'
import { swing } from '../../src/nginx/sets.ts'
import { isAlive } from '../../src/system/processes.ts'
import {
  ask,
  backend,
  domainOf,
  liveOf,
  nginxContext,
  route,
  sayingApp,
  stage,
  withDomains,
  WAYS,
} from './support.ts'

describe.each(WAYS)('switch: %s', (way) => {
  async function twoSites() {
    const one = domainOf('one.test', { '/': 'one/node' })
    const two = domainOf('two.test', { '/': 'two/node' })
    const ctx = await nginxContext([one, two], {}, way)
    const live = [
      liveOf(ctx, 'one', [backend('node', [await sayingApp('one')])]),
      liveOf(ctx, 'two', [backend('node', [await sayingApp('two')])]),
    ]
    return { ctx, one, two, live }
  }

  test('staging changes nothing, and activation switches to the new set', async () => {
    const { ctx, live } = await twoSites()
    await route(ctx, live)
    const next = [liveOf(ctx, 'one', [backend('node', [await sayingApp('next')])]), ...live.slice(1)]
    const staged = await stage(ctx, next)
    expect(staged.changed).toBe(true)
    expect((await ask(ctx, 'one.test')).body).toBe('one')
    const workers = await workersOf((await nginxRunning(ctx)) ?? 0)
    expect(await staged.activate()).toEqual({ oldWorkers: way === 'lua' ? [] : workers })
    expect((await ask(ctx, 'one.test')).body).toBe('next')
    expect((await ask(ctx, 'two.test')).body).toBe('two')
  })

  test('a staged set that is discarded leaves no trace', async () => {
    const { ctx, live } = await twoSites()
    await route(ctx, live)
    const before = await readdir(ctx.paths.nginxSets)
    const staged = await stage(ctx, live.slice(1))
    await staged.discard()
    expect(await readdir(ctx.paths.nginxSets)).toEqual(before)
    expect((await ask(ctx, 'one.test')).body).toBe('one')
  })

  test('the same again is no change: no file is written, no worker replaced', async () => {
    const { ctx, live } = await twoSites()
    await route(ctx, live)
    const set = await readlink(ctx.paths.nginxFiles)
    const workers = await workersOf((await nginxRunning(ctx)) ?? 0)
    expect(await route(ctx, live)).toEqual({ changed: false, blocked: [], oldWorkers: [] })
    expect(await readlink(ctx.paths.nginxFiles)).toBe(set)
    expect(await workersOf((await nginxRunning(ctx)) ?? 0)).toEqual(workers)
  })

  test('a set shares the files that did not change with the one before, and replaces it', async () => {
    const { ctx, live } = await twoSites()
    await route(ctx, live)
    const file = join(ctx.paths.nginxFiles, 'upstream+two+main.conf')
    const before = await stat(file)
    await route(ctx, [liveOf(ctx, 'one', [backend('node', [4711])]), ...live.slice(1)])
    expect((await stat(file)).ino).toBe(before.ino)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readdir(ctx.paths.nginxSets)).toEqual([expect.stringMatching(/^\d+$/), 'loaded'])
  })

  test('a mistake in one domain blocks that domain only, which stays as it was', async () => {
    const { ctx, one, two, live } = await twoSites()
    await route(ctx, live)
    const three = domainOf('three.test', { '/': 'two/node' })
    const changed = withDomains(ctx, [
      { ...one, nginxHttpExtraConfig: 'gzip off;\ngzpi on;\n' },
      { ...two, name: 'also-two.test' },
      three,
    ])
    const { blocked } = await route(changed, live)
    expect(blocked).toEqual([
      {
        domain: 'one.test',
        refs: [{ repo: 'one', branch: 'main' }],
        reason: 'unknown directive "gzpi" (domains/one.test.yml nginx_http_extra_config, line 2)',
      },
    ])
    expect((await ask(ctx, 'one.test')).body).toBe('one')
    expect((await ask(ctx, 'also-two.test')).body).toBe('two')
    expect((await ask(ctx, 'three.test')).body).toBe('two')
    const again = await route(changed, live)
    expect([again.changed, again.blocked.length]).toEqual([false, 1])
  })

  test('a new domain with a mistake is left out, and comes when the mistake is gone', async () => {
    const { ctx, one, two, live } = await twoSites()
    const broken = withDomains(ctx, [one, { ...two, extraListenOptions: 'fastopen' }])
    const { blocked } = await route(broken, live)
    expect(blocked.map(({ domain, reason }) => [domain, reason])).toEqual([
      [
        'two.test',
        expect.stringMatching(/^invalid parameter "fastopen" \(domain\+two\.test\.conf line \d+\)$/),
      ],
    ])
    await expect(ask(ctx, 'two.test')).rejects.toThrow(/socket hang up/)
    expect((await ask(ctx, 'one.test')).body).toBe('one')
    expect((await route(ctx, live)).blocked).toEqual([])
    expect((await ask(ctx, 'two.test')).body).toBe('two')
  })

  test("a mistake in a runner's texts blocks every domain that uses it and names the key", async () => {
    const { ctx, live } = await twoSites()
    await route(ctx, live)
    const port = await sayingApp('new')
    const inLocation = await route(ctx, [
      liveOf(ctx, 'one', [backend('node', [port], { nginxExtraConfig: 'proxy_buffering maybe;\n' })]),
      ...live.slice(1),
    ])
    expect(inLocation.blocked).toEqual([
      {
        domain: 'one.test',
        refs: [{ repo: 'one', branch: 'main' }],
        reason:
          'invalid value "maybe" in "proxy_buffering" directive, it must be "on" or "off" (repos/one.yml branches.main.runners.node.nginx_extra_config, line 1)',
      },
    ])
    const inUpstream = await route(ctx, [
      liveOf(ctx, 'one', [backend('node', [port], { nginxExtraUpstreamConfig: '\nkeepalive many;\n' })]),
      ...live.slice(1),
    ])
    expect(inUpstream.blocked).toEqual([
      {
        domain: 'one.test',
        refs: [{ repo: 'one', branch: 'main' }],
        reason:
          'invalid value "many" in "keepalive" directive (repos/one.yml branches.main.runners.node.nginx_extra_upstream_config, line 2)',
      },
    ])
    expect((await ask(ctx, 'two.test')).body).toBe('two')
  })

  test('several mistakes are found at once', async () => {
    const { ctx, one, two, live } = await twoSites()
    const broken = withDomains(ctx, [
      { ...one, nginxHttpExtraConfig: 'one_wrong on;' },
      { ...two, nginxHttpExtraConfig: 'two_wrong on;' },
      domainOf('three.test', { '/': 'one/node' }),
    ])
    const { blocked } = await route(broken, live)
    expect(blocked.map(({ domain }) => domain)).toEqual(['one.test', 'two.test'])
    expect((await ask(ctx, 'three.test')).body).toBe('one')
  })

  test('a domain whose file cannot be read at present stays as it was', async () => {
    const { ctx, two, live } = await twoSites()
    await route(ctx, live)
    const file = join(ctx.config.dir, 'domains', 'one.test.yml')
    const broken = withDomains(ctx, [two])
    const problem = { file, line: 1, column: 1, message: 'a tab' }
    await route({ ...broken, config: { ...broken.config, problems: [problem] } }, live)
    expect((await ask(ctx, 'one.test')).body).toBe('one')
    await route(broken, live)
    await expect(ask(ctx, 'one.test')).rejects.toThrow(/socket hang up/)
  })

  test('what nginx refuses beside the sets is told in its words, and nothing changes', async () => {
    const { ctx, live } = await twoSites()
    await route(ctx, live)
    const set = await readlink(ctx.paths.nginxFiles)
    const { main } = ctx.config
    const elsewhere = { ...main.nginx, http: { host: '192.0.2.1', port: main.nginx.http.port } }
    const changed = { ...ctx, config: { ...ctx.config, main: { ...main, nginx: elsewhere } } }
    await expect(stage(changed, live)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringMatching(
        /^nginx refuses its configuration: bind\(\) to 192\.0\.2\.1:\d+ failed \(99: Cannot assign requested address\)$/,
      ) as string,
    })
    expect(await readlink(ctx.paths.nginxFiles)).toBe(set)
    expect(await readdir(ctx.paths.nginxSets)).toEqual([expect.stringMatching(/^\d+$/), 'loaded'])
  })

  test('a reload that the master refuses brings the former set back', async () => {
    const { ctx, live } = await twoSites()
    await route(ctx, live)
    const set = await readlink(ctx.paths.nginxFiles)
    // `nginx -t` passes over an address that is taken; the master cannot.
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    onTestFinished(() => void taken.close())
    const { port } = taken.address() as { port: number }
    const { main } = ctx.config
    const moved = { ...main.nginx, http: { host: '127.0.0.1', port } }
    const changed = { ...ctx, config: { ...ctx.config, main: { ...main, nginx: moved } } }
    const staged = await stage(changed, live)
    await expect(staged.activate()).rejects.toThrow(
      `nginx did not load its new configuration: bind() to 127.0.0.1:${port} failed (98: Address already in use)`,
    )
    expect(await readlink(ctx.paths.nginxFiles)).toBe(set)
    expect((await ask(ctx, 'one.test')).body).toBe('one')
    expect((await route(ctx, live)).changed).toBe(false)
  })

  test('what was cut short between the swing and the reload is finished by the next staging', async () => {
    const { ctx, live } = await twoSites()
    await route(ctx, live)
    const next = [liveOf(ctx, 'one', [backend('node', [await sayingApp('next')])]), ...live.slice(1)]
    const before = (await readdir(ctx.paths.nginxSets)).filter((name) => name !== 'loaded')
    await stage(ctx, next)
    const [name = ''] = (await readdir(ctx.paths.nginxSets)).filter(
      (set) => set !== 'loaded' && !before.includes(set),
    )
    // As much as a process gets done that is killed then.
    await swing(ctx.paths, name)
    expect((await ask(ctx, 'one.test')).body).toBe('one')
    const finished = await route(ctx, next)
    expect([finished.changed, finished.oldWorkers.length > 0]).toEqual([true, true])
    expect((await ask(ctx, 'one.test')).body).toBe('next')
    expect((await route(ctx, next)).changed).toBe(false)
  })

  test('what nginx refuses since it last started blocks its domain, not the start', async () => {
    const { ctx, one, two, live } = await twoSites()
    const included = join(ctx.paths.home, 'included.conf')
    await writeFile(included, 'server_tokens off;\n')
    const domains = withDomains(ctx, [
      { ...one, nginxHttpExtraConfig: `include ${ctx.paths.home}/*.conf;\n` },
      two,
    ])
    expect((await route(domains, live)).blocked).toEqual([])
    await stopNginx(ctx)
    await writeFile(included, 'server_tokens of;\n')
    const { changed, blocked } = await route(domains, live)
    expect(changed).toBe(true)
    expect(blocked).toEqual([
      {
        domain: 'one.test',
        refs: [{ repo: 'one', branch: 'main' }],
        reason: `invalid value "of" (${included}:1)`,
      },
    ])
    await expect(ask(ctx, 'one.test')).rejects.toThrow(/socket hang up/)
    expect((await ask(ctx, 'two.test')).body).toBe('two')
  })

  test("pyPaaS's directory of nginx files is moved aside by the first activation", async () => {
    const { ctx, live } = await twoSites()
    await mkdir(ctx.paths.nginxFiles)
    await writeFile(join(ctx.paths.nginxFiles, 'old.conf'), '# of pyPaaS\n')
    const staged = await stage(ctx, live)
    expect(await readdir(ctx.paths.nginxFiles)).toEqual(['old.conf'])
    await staged.activate()
    await ensureNginx(ctx)
    expect((await ask(ctx, 'one.test')).body).toBe('one')
    const backup = join(ctx.paths.home, 'nginx.d.pypaas-backup', 'old.conf')
    expect(await readFile(backup, 'utf8')).toBe('# of pyPaaS\n')
  })

  test('in mode none the files are written and nothing is started', async () => {
    const { ctx, live } = await twoSites()
    const { main } = ctx.config
    const none = {
      ...ctx,
      config: { ...ctx.config, main: { ...main, nginx: { ...main.nginx, mode: 'none' as const } } },
    }
    const staged = await stage(none, live)
    expect([staged.changed, await staged.activate()]).toEqual([true, { oldWorkers: [] }])
    expect(await readdir(ctx.paths.nginxFiles)).toEqual([
      '00-pypaas.conf',
      'domain+one.test.conf',
      'domain+two.test.conf',
      'upstream+one+main.conf',
      'upstream+two+main.conf',
    ])
    expect(await nginxRunning(none)).toBeUndefined()
    expect((await stage(none, live)).changed).toBe(false)
  })

  test('reloads under load lose no request', async () => {
    const { ctx, live } = await twoSites()
    await route(ctx, live)
    const load = { on: true }
    const answers: string[] = []
    // Each request has a connection of its own; one that fails makes its client, and so the test, fail.
    const clients = Array.from({ length: 8 }, async () => {
      while (load.on) {
        const { status, body } = await ask(ctx, 'one.test')
        answers.push(`${status} ${body}`)
      }
    })
    const old: number[] = []
    for (let count = 1; count <= 5; count++) {
      const port = await sayingApp(`version ${count}`)
      const routed = await route(ctx, [liveOf(ctx, 'one', [backend('node', [port])]), ...live.slice(1)])
      old.push(...routed.oldWorkers)
      // Whoever asks after an activation gets the new version.
      expect((await ask(ctx, 'one.test')).body).toBe(`version ${count}`)
      const enough = answers.length + 50
      await expect.poll(() => answers.length).toBeGreaterThan(enough)
    }
    load.on = false
    await Promise.all(clients)
    expect(new Set(answers)).toEqual(
      new Set(['200 one', ...[1, 2, 3, 4, 5].map((count) => `200 version ${count}`)]),
    )
    await expect.poll(() => Promise.all(old.map(isAlive))).not.toContain(true)
  })
})
