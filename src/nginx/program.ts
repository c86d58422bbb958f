/** The nginx program of the host: where it is and what it can. */
import { realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { readIfThere, replaceFile } from '../system/files.ts'
import { lastLines } from '../system/output.ts'
import { stream } from '../system/run.ts'

export type Version = readonly [major: number, minor: number, patch: number]

export interface NginxProgram {
  readonly path: string
  readonly version: Version
  /** Of the OpenSSL that it runs with. */
  readonly openssl: Version
  /** Where its dynamic modules are; undefined: it was built without the directory. */
  readonly modules: string | undefined
  /** The main configuration file that it reads unless it is given another. */
  readonly main: string | undefined
  /** The Lua module is a part of the program. */
  readonly luaBuiltIn: boolean
}

/** Changed when more is remembered of a program. */
const FORMAT = 2

/** Whether `version` is `least` or newer. */
export function isAtLeast(version: Version, least: Version): boolean {
  for (const [at, number] of least.entries()) {
    const own = version[at] ?? 0
    if (own !== number) return own > number
  }
  return true
}

/** What `nginx -V` says (pure). */
export function readVersions(text: string): { version: Version; openssl: Version } | undefined {
  const version = versionIn(/nginx version: \S+?\/(\d+)\.(\d+)\.(\d+)/, text)
  if (version === undefined) return undefined
  const openssl =
    versionIn(/running with OpenSSL (\d+)\.(\d+)\.(\d+)/, text) ??
    versionIn(/built with OpenSSL (\d+)\.(\d+)\.(\d+)/, text)
  return { version, openssl: openssl ?? [0, 0, 0] }
}

/** What `nginx -V` says of how it was built (pure). */
export function readBuild(text: string): Pick<NginxProgram, 'modules' | 'main' | 'luaBuiltIn'> {
  const argument = (name: string): string | undefined => new RegExp(`--${name}=(\\S+)`).exec(text)?.[1]
  return {
    modules: argument('modules-path'),
    main: argument('conf-path'),
    luaBuiltIn: /--add-module=\S*(?:ngx_lua|lua-nginx-module)/.test(text),
  }
}

/**
 * The nginx on the PATH of the context. Its versions are asked for once and remembered, since a push should
 * not start a program for them.
 * @throws PypaasError if there is none
 */
export async function nginxProgram(ctx: Context): Promise<NginxProgram> {
  const found = await findNginx(ctx.baseEnv['PATH'] ?? '')
  if (found === undefined) {
    throw new PypaasError('failed', 'nginx is not installed', {
      hint: 'install it (apt-get install nginx), or set `nginx: {mode: none}` in pypaas.yml',
    })
  }
  const memory = ctx.paths.runFile('nginx-program.json')
  const known = remembered(await readIfThere(memory))
  if (known?.stamp === found.stamp) return known.program
  const output = lastLines(20)
  await stream([found.path, '-V'], output, { env: ctx.baseEnv, timeout: 20 })
  const said = output.lines.join('\n')
  const versions = readVersions(said)
  if (versions === undefined) {
    throw new PypaasError('failed', `${found.path} does not tell its version`, { output: output.lines })
  }
  const program: NginxProgram = { path: found.path, ...versions, ...readBuild(said) }
  // Being remembered is a matter of speed only.
  await replaceFile(memory, JSON.stringify({ stamp: found.stamp, program })).catch(() => {})
  return program
}

async function findNginx(path: string): Promise<{ path: string; stamp: string } | undefined> {
  for (const directory of path.split(':').filter(Boolean)) {
    const candidate = join(directory, 'nginx')
    try {
      const real = await realpath(candidate)
      const { mtimeMs, size, ino } = await stat(real)
      return { path: candidate, stamp: [FORMAT, candidate, real, mtimeMs, size, ino].join(' ') }
    } catch {
      // Not here.
    }
  }
  return undefined
}

function remembered(text: string | undefined): { stamp: string; program: NginxProgram } | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as { stamp: string; program: NginxProgram })
  } catch {
    return undefined
  }
}

function versionIn(pattern: RegExp, text: string): Version | undefined {
  const match = pattern.exec(text)
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])]
}
