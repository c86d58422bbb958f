/** Which node, npm or python a checkout gets, and which version that is: parts of the keys of its dependencies. */
import { accessSync, constants, statSync } from 'node:fs'
import { open, readFile, realpath, stat } from 'node:fs/promises'
import { release } from 'node:os'
import { basename, join } from 'node:path'
import type { Context } from '../context.ts'
import { readIfThere, replaceFile } from '../system/files.ts'
import { capture } from '../system/run.ts'

type Environment = Readonly<Record<string, string>>

/** The first executable file of this name on the environment's PATH; no shell, no spawn. */
export function findProgram(name: string, env: Environment): string | undefined {
  for (const directory of (env['PATH'] ?? '').split(':')) {
    if (directory === '') continue
    const path = join(directory, name)
    try {
      accessSync(path, constants.X_OK)
      if (statSync(path).isFile()) return path
    } catch {
      // Not here, or not to be executed: the search goes on (execvp(3)).
    }
  }
  return undefined
}

/** `v20.20.2-x64` of the node on PATH, or undefined if there is none. */
export async function nodeVersion(ctx: Context, env: Environment, cwd: string): Promise<string | undefined> {
  const path = findProgram('node', env)
  if (path === undefined) return undefined
  if ((await realpath(path)) === (await realpath(process.execPath)))
    return `${process.version}-${process.arch}`
  return versionOf(ctx, path, ['-p', 'process.version + "-" + process.arch'], env, cwd)
}

/** `3.11.2-x86_64` of the python3 at `path`. */
export async function pythonVersion(
  ctx: Context,
  path: string,
  env: Environment,
  cwd: string,
): Promise<string> {
  const program = 'import platform; print(platform.python_version() + "-" + platform.machine())'
  return versionOf(ctx, path, ['-c', program], env, cwd)
}

/**
 * Which installation of a tool it is: changes when the tool is replaced. A tool of npm's kind has its
 * version in the package.json of its package.
 */
export async function toolIdentity(path: string): Promise<string> {
  const real = await realpath(path)
  const manifest = await readIfThere(join(real, '..', '..', 'package.json'))
  const version = manifest === undefined ? undefined : /"version":\s*"([^"]+)"/.exec(manifest)?.[1]
  if (version !== undefined) return `${real} ${version}`
  return fileIdentity(real)
}

/**
 * The system that compiled parts of dependencies were made for. The release of the distribution stands for
 * its C library and all other libraries that they may be linked to.
 */
export async function platformIdentity(): Promise<string> {
  const osRelease = await readIfThere('/etc/os-release')
  if (osRelease === undefined) return `${process.platform}-${release().split('.')[0]}`
  const field = (name: string): string =>
    new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(osRelease)?.[1]?.replaceAll(/[^\w.]/g, '') ?? ''
  return `${process.platform}-${field('ID')}${field('VERSION_ID')}`
}

async function versionOf(
  ctx: Context,
  path: string,
  args: readonly string[],
  env: Environment,
  cwd: string,
): Promise<string> {
  const ask = async (): Promise<string> => (await capture([path, ...args], { env, cwd, timeout: 30 })).trim()
  const real = await realpath(path)
  if (!(await isRuntimeBinary(real))) return ask()
  const identity = await fileIdentity(real)
  const known = await readRemembered(ctx.paths.runtimes)
  const remembered = known[identity]
  if (remembered !== undefined) return remembered
  const version = await ask()
  await replaceFile(ctx.paths.runtimes, `${JSON.stringify({ ...known, [identity]: version }, null, 2)}\n`)
  return version
}

/** A version manager's shim answers differently from directory to directory, so its answer is not remembered. */
async function isRuntimeBinary(real: string): Promise<boolean> {
  if (!/^(node|python)[\d.]*$/.test(basename(real))) return false
  const file = await open(real, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer.toString('latin1') !== '#!'
  } finally {
    await file.close()
  }
}

async function fileIdentity(real: string): Promise<string> {
  const { size, mtimeMs, ctimeMs, ino } = await stat(real)
  return [real, size, mtimeMs, ctimeMs, ino].join(' ')
}

async function readRemembered(path: string): Promise<Record<string, string>> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Record<string, string>
  } catch {
    // Not there, or damaged: what is asked anew is written anew.
    return {}
  }
}
