/** The host's own nginx, tested and reloaded as root: through sudo, unless we are root. */
import { dirname, resolve } from 'node:path'
import type { Context } from '../context.ts'
import { messageOf, PypaasError } from '../errors.ts'
import { readIfThere } from '../system/files.ts'
import { commandLineOf } from '../system/processes.ts'
import { lastLines } from '../system/output.ts'
import { stream } from '../system/run.ts'
import { directivesOf } from './directives.ts'
import { RELOAD_TIMEOUT } from './managed.ts'
import { confirmReload } from './reload.ts'

export interface SystemTest {
  /** What nginx said if the test failed. */
  readonly words: readonly string[] | undefined
  /** The main configuration file, as nginx named it. */
  readonly main: string | undefined
}

/**
 * `nginx -t` with what is in force.
 * @throws PypaasError if sudo does not let us
 */
export async function testSystem(ctx: Context): Promise<SystemTest> {
  const said = lastLines(50)
  try {
    await stream(asRoot(['nginx', '-t']), said, { env: ctx.baseEnv, timeout: 120 })
    return { words: undefined, main: mainIn(said.lines) }
  } catch (error) {
    const refused = said.lines.find((line) => line.startsWith('sudo:'))
    if (refused !== undefined || said.lines.length === 0) {
      throw new PypaasError('failed', `cannot test nginx's configuration: ${refused ?? messageOf(error)}`, {
        hint: 'as root, run `pypaas install`: it allows exactly `nginx -t` and `nginx -s reload`',
      })
    }
    return { words: [...said.lines], main: mainIn(said.lines) }
  }
}

/** Reloads the host's nginx. Returns the workers that served before, as far as they can be seen. */
export async function reloadSystem(ctx: Context, main: string | undefined): Promise<number[]> {
  const signal = async (): Promise<void> => {
    await stream(asRoot(['nginx', '-s', 'reload']), lastLines(0), { env: ctx.baseEnv, timeout: 120 })
  }
  const master = main === undefined ? undefined : await masterOf(main)
  if (master === undefined) {
    ctx.log.warn({ main }, "cannot see the host's nginx; its reload is not confirmed")
    await signal()
    return []
  }
  return confirmReload(master, { errorLog: undefined, timeout: RELOAD_TIMEOUT, hasten: false }, signal)
}

function asRoot(argv: readonly string[]): string[] {
  return process.getuid?.() === 0 ? [...argv] : ['sudo', '-n', ...argv]
}

function mainIn(lines: readonly string[]): string | undefined {
  for (const line of lines) {
    const [, file] = /nginx: (?:the )?configuration file (\S.*?) (?:syntax|test) /.exec(line) ?? []
    if (file !== undefined) return file
  }
  return undefined
}

/** Whether the host's nginx runs, as far as can be seen; true if it cannot be seen. */
export async function systemNginxRuns(main = '/etc/nginx/nginx.conf'): Promise<boolean> {
  if ((await readIfThere(main).catch(() => undefined)) === undefined) return true
  return (await masterOf(main)) !== undefined
}

/** The master whose pid file the main configuration names. */
async function masterOf(main: string): Promise<number | undefined> {
  const text = await readIfThere(main).catch(() => undefined)
  const named = directivesOf(text ?? '').find(({ name }) => name === 'pid')?.args[0]
  for (const file of [named ?? '/run/nginx.pid', '/var/run/nginx.pid']) {
    const pid = Number((await readIfThere(resolve(dirname(main), file)).catch(() => undefined))?.trim())
    if (!Number.isInteger(pid) || pid <= 0) continue
    if ((await commandLineOf(pid))?.startsWith('nginx: master process') === true) return pid
  }
  return undefined
}
