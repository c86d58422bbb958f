/** How SWITCH is made on this host: by nginx's Lua module, or by a reload. */
import { join } from 'node:path'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import type { Paths } from '../paths.ts'
import { directivesOf, type Directive } from './directives.ts'
import { nginxProgram, type NginxProgram } from './program.ts'

export type Switching =
  | { readonly kind: 'lua'; readonly control: string; readonly seed: string }
  /** `missing`: why it is not Lua, though it might be. Undefined: it is not to be. */
  | { readonly kind: 'reload'; readonly missing: string | undefined }

/** Where the Lua packages of Debian, and of those who build their own, keep `resty.core`. */
const LUA_LIBRARIES = ['/usr/share/lua/5.1', '/usr/local/share/lua/5.1', '/usr/local/openresty/lualib']
/** What `sun_path` holds, without the byte that ends it (unix(7)). */
const SOCKET_PATH_LIMIT = 107
const MODULES = ['ndk_http_module.so', 'ngx_http_lua_module.so'] as const
const INSTALL = 'install it (apt-get install libnginx-mod-http-lua lua-resty-core)'

/** The files by which the ports reach nginx. Only our user enters their directory. */
export function switchPaths(paths: Paths) {
  const directory = paths.runFile('nginx-switch')
  return {
    directory,
    control: join(directory, 'control.sock'),
    /** The ports with which nginx starts. */
    seed: join(directory, 'upstreams.json'),
    /** What nginx's files in force were made of. */
    basis: join(directory, 'basis.json'),
  }
}

/**
 * The switch of this host.
 * @param program the host's nginx, if it is known already
 * @throws PypaasError if it is to be Lua and cannot be
 */
export async function switchingOf(ctx: Context, program?: NginxProgram): Promise<Switching> {
  const { mode, switch: wanted } = ctx.config.main.nginx
  // Of an nginx that is not ours to touch, nothing is known.
  if (mode === 'none' || wanted === 'reload') return { kind: 'reload', missing: undefined }
  const { control, seed } = switchPaths(ctx.paths)
  const missing = unusablePath(control) ?? missingModule(ctx, program ?? (await nginxProgram(ctx)))
  if (missing === undefined) return { kind: 'lua', control, seed }
  if (wanted === 'auto') return { kind: 'reload', missing }
  throw new PypaasError('failed', `nginx cannot switch without a reload: ${missing}`, {
    hint: `${INSTALL}, or set \`nginx: {switch: auto}\` in pypaas.yml`,
  })
}

/** For `check`: what could be better, or undefined. */
export async function switchAdvice(ctx: Context): Promise<string | undefined> {
  if (ctx.config.main.nginx.switch !== 'auto') return undefined
  const switching = await switchingOf(ctx).catch(() => undefined)
  if (switching?.kind !== 'reload' || switching.missing === undefined) return undefined
  return `nginx is reloaded by every deploy, which closes idle connections: ${switching.missing}. To do without, ${INSTALL}.`
}

/** What `load_module` has to name for Lua, in this order; a module that is a part of the program is not among them. */
export function luaModules({ modules }: NginxProgram): string[] {
  if (modules === undefined) return []
  return MODULES.map((file) => join(modules, file)).filter((path) => existsSync(path))
}

function unusablePath(control: string): string | undefined {
  if (Buffer.byteLength(control) > SOCKET_PATH_LIMIT) return `the path ${control} is too long for a socket`
  // The files are named in Lua too, and `listen` knows neither variables nor escapes.
  return /^[\w./+@%~=-]+$/.test(control)
    ? undefined
    : `the path ${control} has characters that no socket of nginx may have`
}

function missingModule(ctx: Context, program: NginxProgram): string | undefined {
  if (!LUA_LIBRARIES.some((directory) => existsSync(join(directory, 'resty/core.lua')))) {
    return 'lua-resty-core is not installed'
  }
  if (program.luaBuiltIn) return undefined
  if (ctx.config.main.nginx.mode === 'managed') {
    const there = luaModules(program).some((path) => path.endsWith(MODULES[1]))
    return there ? undefined : "nginx's Lua module is not installed"
  }
  return missingInHost(ctx, program.main)
}

/** Looks into the configuration of the host's nginx for the module, and for what would be in the way. */
function missingInHost({ paths }: Context, main: string | undefined): string | undefined {
  const directives = main === undefined ? [] : withIncluded(textOf(main), paths)
  const loaded = directives.some(
    ({ name, args }) => name === 'load_module' && args[0]?.endsWith(MODULES[1]) === true,
  )
  if (!loaded) return `${main ?? "the host's nginx"} does not load its Lua module`
  const http = directives.find(({ name }) => name === 'http')
  const inside = withIncluded(http?.text.replace(/^[^{]*\{|\}$/g, '') ?? '', paths)
  const own = inside.find(({ name }) => name.startsWith('init_by_lua'))
  return own === undefined ? undefined : `the host has an ${own.name} of its own, of which nginx allows one`
}

/** The directives of a text outside of its blocks, with those of the directories that it includes there, without ours. */
function withIncluded(text: string, { nginxFiles }: Paths): Directive[] {
  const own = directivesOf(text)
  const files = own.flatMap(({ name, args: [glob = ''] }) => {
    const [, directory, ending = ''] = (name === 'include' && /^(\/.*)\/\*([\w.]*)$/.exec(glob)) || []
    if (directory === undefined || directory === nginxFiles) return []
    return namesIn(directory)
      .filter((file) => !file.startsWith('.') && file.endsWith(ending))
      .map((file) => join(directory, file))
  })
  return [...own, ...files.flatMap((file) => directivesOf(textOf(file)))]
}

/** What may not be read is left out: nginx's own test has the last word. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
