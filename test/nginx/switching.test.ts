import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { MainConfig } from '../../src/config/types.ts'
import type { Context } from '../../src/context.ts'
import { nginxProgram, readBuild } from '../../src/nginx/program.ts'
import { luaModules, switchAdvice, switchingOf, switchPaths } from '../../src/nginx/switching.ts'
import { pathsOf } from '../../src/paths.ts'
import { mainConfig, temporaryDirectory, testContext } from '../support/context.ts'

/** A host whose nginx says that it looks for its modules in a directory of the test. */
async function hostWithModules(
  nginx: Partial<MainConfig['nginx']> = {},
): Promise<{ ctx: Context; modules: string }> {
  const main = mainConfig()
  const base = await testContext({ main: { ...main, nginx: { ...main.nginx, ...nginx } } })
  const bin = join(base.paths.home, 'bin')
  const modules = join(base.paths.home, 'modules')
  await mkdir(bin)
  await mkdir(modules)
  const { path } = await nginxProgram(base)
  const says = `${path} -V 2>&1 | sed 's,--modules-path=[^ ]*,--modules-path=${modules},' >&2`
  await writeFile(join(bin, 'nginx'), `#!/bin/sh\n${says}\n`)
  await chmod(join(bin, 'nginx'), 0o755)
  await rm(base.paths.runFile('nginx-program.json'))
  return { ctx: { ...base, baseEnv: { ...base.baseEnv, PATH: `${bin}:${base.baseEnv['PATH']}` } }, modules }
}

test('what nginx says of how it was built is read', () => {
  const debian =
    'configure arguments: --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf --modules-path=/usr/lib/nginx/modules --with-compat'
  expect(readBuild(debian)).toEqual({
    modules: '/usr/lib/nginx/modules',
    main: '/etc/nginx/nginx.conf',
    luaBuiltIn: false,
  })
  const own = 'configure arguments: --prefix=/opt/nginx --add-module=../ngx_lua-0.10.26 --add-module=../x'
  expect(readBuild(own)).toEqual({ modules: undefined, main: undefined, luaBuiltIn: true })
})

test('auto takes Lua where its module is installed, and else says what to install', async () => {
  const { ctx, modules } = await hostWithModules()
  expect(await switchingOf(ctx)).toEqual({ kind: 'reload', missing: "nginx's Lua module is not installed" })
  expect(await switchAdvice(ctx)).toBe(
    "nginx is reloaded by every deploy, which closes idle connections: nginx's Lua module is not installed. To do without, install it (apt-get install libnginx-mod-http-lua lua-resty-core).",
  )
  await writeFile(join(modules, 'ndk_http_module.so'), '')
  await writeFile(join(modules, 'ngx_http_lua_module.so'), '')
  const { control, seed } = switchPaths(ctx.paths)
  expect(await switchingOf(ctx)).toEqual({ kind: 'lua', control, seed })
  expect(luaModules(await nginxProgram(ctx))).toEqual([
    join(modules, 'ndk_http_module.so'),
    join(modules, 'ngx_http_lua_module.so'),
  ])
  expect(await switchAdvice(ctx)).toBeUndefined()
})

test('who wants Lua is refused without the module, and who wants the reload is not told of it', async () => {
  const lua = await hostWithModules({ switch: 'lua' })
  await expect(switchingOf(lua.ctx)).rejects.toMatchObject({
    code: 'failed',
    message: "nginx cannot switch without a reload: nginx's Lua module is not installed",
    hint: 'install it (apt-get install libnginx-mod-http-lua lua-resty-core), or set `nginx: {switch: auto}` in pypaas.yml',
  })
  const reload = await hostWithModules({ switch: 'reload' })
  expect(await switchingOf(reload.ctx)).toEqual({ kind: 'reload', missing: undefined })
  expect(await switchAdvice(reload.ctx)).toBeUndefined()
})

test('an nginx that is not touched is reloaded by whoever does', async () => {
  const { ctx } = await hostWithModules({ mode: 'none' })
  expect(await switchingOf(ctx)).toEqual({ kind: 'reload', missing: undefined })
})

test('a home whose path no socket can have is served by reloads', async () => {
  const ctx = await testContext()
  const home = await temporaryDirectory()
  const at = async (name: string): Promise<unknown> =>
    switchingOf({ ...ctx, paths: pathsOf(join(home, name)) })
  expect(await at('plain')).toMatchObject({ kind: 'lua' })
  const long = 'x'.repeat(100)
  expect(await at(long)).toEqual({
    kind: 'reload',
    missing: `the path ${home}/${long}/run/nginx-switch/control.sock is too long for a socket`,
  })
  expect(await at('a $b')).toEqual({
    kind: 'reload',
    missing: `the path ${home}/a $b/run/nginx-switch/control.sock has characters that no socket of nginx may have`,
  })
})
