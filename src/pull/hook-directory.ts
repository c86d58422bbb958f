/** Hook directories: every executable in them, one after the other, in the order of their names. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import type { Output } from '../system/output.ts'
import { stream } from '../system/run.ts'
import { listDirectory } from '../system/state.ts'

export interface HookDirectoryOptions {
  /** The tree that is new, or to be new. */
  readonly current: string
  /** The tree that it follows; empty: there was none. */
  readonly previous: string
  readonly cwd: string
  readonly output: Output
  readonly signal?: AbortSignal | undefined
  /** Seconds for each hook. */
  readonly timeout: number
}

/**
 * Runs the hooks of a directory; one that is not there has none.
 * @throws PypaasError of the first that fails, with its last lines; the others are not run
 */
export async function runHookDirectory(
  ctx: Context,
  directory: string | undefined,
  { current, previous, cwd, output, signal, timeout }: HookDirectoryOptions,
): Promise<void> {
  if (directory === undefined) return
  const env = { ...ctx.baseEnv, CURRENT_CONFIG: current, PREVIOUS_CONFIG: previous }
  for (const name of await listDirectory(directory)) {
    const path = join(directory, name)
    if (!(await isExecutable(path))) continue
    output.line(`running ${name}`)
    try {
      await stream([path], output, { cwd, env, signal, timeout })
    } catch (error) {
      if (!(error instanceof PypaasError)) throw error
      throw new PypaasError(error.code, `the hook ${error.message}`, { cause: error, output: error.output })
    }
  }
}

/** A file, also behind a link, that anybody may run; whether we may, running it tells. */
async function isExecutable(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() === true && (found.mode & 0o111) !== 0
}
