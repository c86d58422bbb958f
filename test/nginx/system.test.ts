import { chmod, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Context } from '../../src/context.ts'
import { stagePorts } from '../../src/nginx/direct.ts'
import { awaitDrained } from '../../src/nginx/drain.ts'
import { nginxProgram } from '../../src/nginx/program.ts'
import { servingWorkersOf, workersOf } from '../../src/nginx/reload.ts'
import { luaModules, switchingOf, switchPaths } from '../../src/nginx/switching.ts'
import { systemNginxRuns } from '../../src/nginx/system.ts'
import type { LiveBranch } from '../../src/nginx/upstreams.ts'
import { isAlive } from '../../src/system/processes.ts'
import {
  ask,
  backend,
  domainOf,
  freePorts,
  liveOf,
  nginxContext,
  sayingApp,
  stage,
  switchedBy,
  WAYS,
  withDomains,
  type Way,
} from './support.ts'

/** A host's nginx: the real one, with its configuration in the test's home; sudo only checks that it is asked without a password. */
async function host(way: Way): Promise<{ ctx: Context; master: number; main: string }> {
  const base = await nginxContext([domainOf('app.test', { '/': 'web/node' })], {}, way)
  const { home } = base.paths
  const etc = join(home, 'etc')
  const bin = join(home, 'bin')
  await mkdir(join(etc, 'temp'), { recursive: true })
  await mkdir(bin)
  const main = join(etc, 'nginx.conf')
  const program = await nginxProgram(base)
  const [port] = await freePorts()
  await writeFile(
    main,
    [
      ...(process.getuid?.() === 0 ? ['user root root;'] : []),
      `include ${etc}/modules/*.conf;`,
      `pid ${etc}/nginx.pid;`,
      `error_log ${etc}/error.log;`,
      'events {}',
      'http {',
      '    gzip on;',
      ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `    ${name}_temp_path ${etc}/temp/${name};`,
      ),
      '    access_log off;',
      `    server { listen 127.0.0.1:${port}; return 200 "the host's own"; }`,
      `    include ${base.paths.nginxFiles}/*.conf;`,
      '}',
      '',
    ].join('\n'),
  )
  await mkdir(join(etc, 'modules'))
  await writeFile(
    join(etc, 'modules', 'lua.conf'),
    luaModules(program)
      .map((path) => `load_module ${path};\n`)
      .join(''),
  )
  await script(
    join(bin, 'nginx'),
    // Built for this configuration, as it says.
    `[ "$1" = -V ] && exec ${program.path} -V 2>&1 | sed 's,--conf-path=[^ ]*,--conf-path=${main},' >&2
exec ${program.path} -e ${etc}/error.log -c ${main} "$@"`,
  )
  await script(join(bin, 'sudo'), '[ "$1" = -n ] && shift && exec "$@"')
  const started = spawn(join(bin, 'nginx'), [], { stdio: 'inherit' })
  expect(await once(started, 'exit')).toEqual([0, null])
  const master = Number(await readFile(join(etc, 'nginx.pid'), 'utf8'))
  onTestFinished(async () => {
    process.kill(master, 'SIGTERM')
    await expect.poll(() => isAlive(master)).toBe(false)
  })
  await expect.poll(() => servingWorkersOf(master)).toHaveLength(1)
  const settings = base.config.main
  return {
    main,
    master,
    ctx: {
      ...base,
      baseEnv: { ...base.baseEnv, PATH: `${bin}${delimiter}${base.baseEnv['PATH']}` },
      config: {
        ...base.config,
        main: { ...settings, nginx: { ...settings.nginx, mode: 'system' } },
      },
    },
  }
}

async function script(path: string, command: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${command}\n`)
  await chmod(path, 0o755)
}

describe.each(WAYS)('switch: %s', (way) => {
  test("the host's nginx serves what was staged, once it is activated", async () => {
    const { ctx, master } = await host(way)
    const live = [liveOf(ctx, 'web', [backend('node', [await sayingApp('hello')])])]
    const workers = await workersOf(master)
    const staged = await stage(ctx, live)
    expect(await readdir(ctx.paths.home)).not.toContain('nginx.d')
    expect(await readdir(ctx.paths.nginxSets)).toEqual(['1'])
    expect(await staged.activate()).toEqual({ oldWorkers: workers })
    expect((await ask(ctx, 'app.test')).body).toBe('hello')
    expect((await stage(ctx, live)).changed).toBe(false)
  })

  test("a mistake is found by the host's own test, and only its domain is blocked", async () => {
    const { ctx } = await host(way)
    const live = [liveOf(ctx, 'web', [backend('node', [await sayingApp('hello')])])]
    await (await stage(ctx, live)).activate()
    const set = await readlink(ctx.paths.nginxFiles)
    const broken = withDomains(ctx, [
      domainOf('app.test', { '/': 'web/node' }, { nginxHttpExtraConfig: 'gzpi on;\n' }),
      domainOf('new.test', { '/': 'web/node' }),
    ])
    const staged = await stage(broken, live)
    expect(staged.blocked.map(({ reason }) => reason)).toEqual([
      'unknown directive "gzpi" (domains/app.test.yml nginx_http_extra_config, line 1)',
    ])
    expect(await readlink(ctx.paths.nginxFiles)).toBe(set)
    await staged.activate()
    expect((await ask(ctx, 'app.test')).body).toBe('hello')
    expect((await ask(ctx, 'new.test')).body).toBe('hello')
  })

  test("a mistake of the host's own is told in nginx's words", async () => {
    const { ctx, main } = await host(way)
    await writeFile(main, (await readFile(main, 'utf8')).replace('gzip on;', 'gzpi on;'))
    await expect(stage(ctx, [])).rejects.toThrow(
      `nginx refuses its configuration: unknown directive "gzpi" in ${main}:${process.getuid?.() === 0 ? 7 : 6}`,
    )
    expect(await readdir(ctx.paths.home)).not.toContain('nginx.d')
  })

  test('a test in place that was cut short is taken back by the next staging', async () => {
    const { ctx } = await host(way)
    const live = [liveOf(ctx, 'web', [backend('node', [await sayingApp('hello')])])]
    await (await stage(ctx, live)).activate()
    const inForce = await readlink(ctx.paths.nginxFiles)
    const broken = join(ctx.paths.nginxSets, '99')
    await mkdir(broken)
    await writeFile(join(broken, 'half.conf'), 'server {')
    await symlink(inForce.split('/').at(-1) ?? '', join(ctx.paths.nginxSets, 'former'))
    const { swing } = await import('../../src/nginx/sets.ts')
    await swing(ctx.paths, '99')
    expect((await stage(ctx, live)).changed).toBe(false)
    expect(await readlink(ctx.paths.nginxFiles)).toBe(inForce)
    expect(await readdir(ctx.paths.nginxSets)).toEqual([inForce.split('/').at(-1), 'loaded'])
  })
})

test('where the host loads no Lua module, a deploy reloads, and it is told why', async () => {
  const { ctx, main } = await host('lua')
  expect(await switchingOf(ctx)).toEqual({
    kind: 'lua',
    control: switchPaths(ctx.paths).control,
    seed: switchPaths(ctx.paths).seed,
  })
  await writeFile(join(main, '../modules/lua.conf'), '')
  expect(await switchingOf(switchedBy(ctx, 'auto'))).toEqual({
    kind: 'reload',
    missing: `${main} does not load its Lua module`,
  })
  await expect(stage(ctx, [])).rejects.toMatchObject({
    code: 'failed',
    message: `nginx cannot switch without a reload: ${main} does not load its Lua module`,
    hint: 'install it (apt-get install libnginx-mod-http-lua lua-resty-core), or set `nginx: {switch: auto}` in pypaas.yml',
  })
})

test("the host's own Lua is left alone: there, a deploy reloads", async () => {
  const { ctx, main } = await host('lua')
  const sites = join(main, '../sites')
  await mkdir(sites)
  await writeFile(join(sites, 'own.conf'), 'init_by_lua_block { }\n')
  await writeFile(main, (await readFile(main, 'utf8')).replace('gzip on;', `include ${sites}/*;`))
  expect(await switchingOf(switchedBy(ctx, 'auto'))).toEqual({
    kind: 'reload',
    missing: 'the host has an init_by_lua_block of its own, of which nginx allows one',
  })
})

test("a second deploy does not reload the host's nginx, and its requests are counted", async () => {
  const { ctx, master } = await host('lua')
  const live = (port: number): LiveBranch[] => [liveOf(ctx, 'web', [backend('node', [port])])]
  const old = await sayingApp('old')
  await (await stage(ctx, live(old))).activate()
  expect((await ask(ctx, 'app.test')).body).toBe('old')
  const workers = await servingWorkersOf(master)
  const [next] = live(await sayingApp('new'))
  expect(await (next && (await stagePorts(ctx, next)))?.activate()).toEqual({ oldWorkers: [] })
  expect((await ask(ctx, 'app.test')).body).toBe('new')
  expect(await servingWorkersOf(master)).toEqual(workers)
  expect(await awaitDrained(ctx, { oldPorts: [old], timeout: 30 })).toBe('drained')
})

test("whether the host's nginx runs is told before a build, not after it", async () => {
  const { main, master } = await host('reload')
  expect(await systemNginxRuns(main)).toBe(true)
  process.kill(master, 'SIGQUIT')
  await expect.poll(() => systemNginxRuns(main), { timeout: 30_000, interval: 20 }).toBe(false)
  // One whose configuration may not be seen gets the benefit of the doubt: its reload will tell.
  expect(await systemNginxRuns(join(main, 'of-somebody-else'))).toBe(true)
})
