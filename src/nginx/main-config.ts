/** The main configuration of the nginx that pypaas runs itself, and how the program is called with one. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { readIfThere } from '../system/files.ts'
import { lastLines } from '../system/output.ts'
import { stream } from '../system/run.ts'
import { readTemplate, templatePath } from '../templates.ts'
import { isAtLeast, nginxProgram } from './program.ts'
import { SHARED_FILE } from './render.ts'
import { luaModules } from './switching.ts'
import { fill } from './templates.ts'
import { ownerOf } from './user.ts'

export function managedPaths(ctx: Context) {
  const prefix = ctx.paths.runFile('nginx')
  return {
    prefix,
    main: join(prefix, 'nginx.conf'),
    pid: join(prefix, 'nginx.pid'),
    errorLog: ctx.paths.logFile('nginx-error.log'),
  }
}

/** One a processor; stated in the configuration, so that it is known how many to wait for. */
export function workerCount(): number {
  return Math.max(cpus().length, 1)
}

/** @param sites the directory whose files it includes */
export async function mainText(ctx: Context, sites: string): Promise<string> {
  const { prefix, errorLog } = managedPaths(ctx)
  await mkdir(join(prefix, 'temp'), { recursive: true })
  await mkdir(ctx.paths.logs, { recursive: true })
  const types = '/etc/nginx/mime.types'
  return fill(readTemplate('nginx/nginx.conf.mustache'), {
    user: process.getuid?.() === 0 ? await ownerOf(ctx.paths.home) : undefined,
    // By the files, not by the settings: what is in force is always one that it can load.
    modules: (await usesLua(sites)) ? luaModules(await nginxProgram(ctx)) : [],
    errorLog,
    workers: workerCount(),
    shutdownTimeout: Math.ceil(ctx.config.main.drainTimeout) + 5,
    mimeTypes: (await readIfThere(types)) === undefined ? templatePath('nginx/mime.types') : types,
    sites: `${sites}/*.conf`,
  })
}

/** Whether the files of a directory switch without a reload. */
export async function usesLua(sites: string): Promise<boolean> {
  return (await readIfThere(join(sites, SHARED_FILE)))?.includes('\ninit_by_lua_block ') === true
}

/** Tests the configuration with the files of `directory` in place of those in force. Returns nginx's words if it fails. */
export async function testManaged(ctx: Context, directory: string): Promise<string[] | undefined> {
  const file = join(directory, 'main')
  await writeFile(file, await mainText(ctx, directory), { mode: 0o600 })
  try {
    return await runNginx(ctx, ['-t', '-q', '-c', file], 'stderr')
  } finally {
    await rm(file)
  }
}

/** Returns what nginx said if it failed. Its own process goes into the background when it has started. */
export async function runNginx(
  ctx: Context,
  args: readonly string[],
  log: string,
): Promise<string[] | undefined> {
  const { prefix } = managedPaths(ctx)
  const program = await nginxProgram(ctx)
  // Before 1.19.5 it tries the log of its package first, and complains if it may not.
  const early = isAtLeast(program.version, [1, 19, 5]) ? ['-e', log] : []
  const said = lastLines(20)
  try {
    await stream([program.path, '-p', `${prefix}/`, ...early, ...args], said, {
      // Its processes are known by this directory if the pid file or their master is lost.
      cwd: prefix,
      env: ctx.baseEnv,
      timeout: 120,
    })
    return undefined
  } catch (error) {
    if (said.lines.length === 0) throw error
    return [...said.lines]
  }
}
