/** The app's own hooks, which come in its files: `deploy/hooks/<point>`, `deploy/hooks.mjs`, `deploy/hooks.py`. */
import { hostname } from 'node:os'
import { join } from 'node:path'
import { hasExecutable, hasFile } from '../build/detect.ts'
import { findProgram } from '../build/runtime.ts'
import type { Context } from '../context.ts'
import { environmentOf, type Target } from '../environment.ts'
import { PypaasError } from '../errors.ts'
import type { AppRef } from '../paths.ts'
import type { Output } from '../system/output.ts'
import { stream } from '../system/run.ts'
import { templatePath } from '../templates.ts'

/** `prepare`: unpacked, before it is live. `deployed`: once it is. */
export type HookPoint = 'prepare' | 'deployed'

/** A version that is being deployed, with what its hooks and templates may know. */
export interface Version {
  readonly app: AppRef
  readonly version: string
  /** Where its files are, with the commit and the environment. */
  readonly target: Target
  /** `apps: {<app>: {values: …}}` of this host. */
  readonly values: Readonly<Record<string, unknown>>
}

export interface HookRun {
  readonly output: Output
  readonly signal?: AbortSignal | undefined
}

/**
 * Runs the hooks of one point, of each kind that the app has.
 * @throws PypaasError that names the hook, with its last lines
 */
export async function runAppHooks(
  ctx: Context,
  version: Version,
  point: HookPoint,
  { output, signal }: HookRun,
): Promise<void> {
  const { path } = version.target
  const env = hookEnvironment(ctx, version)
  for (const { file, argv } of await hooksOf(path, point, env)) {
    output.line(`hook ${point}: ${file}`)
    try {
      await stream(argv, output, {
        cwd: path,
        env,
        signal,
        timeout: ctx.config.main.builds.timeout,
        background: point === 'prepare',
      })
    } catch (error) {
      if (!(error instanceof PypaasError) || error.code !== 'failed') throw error
      throw new PypaasError('failed', `the app's hook ${point} (${file}) failed: ${error.message}`, {
        cause: error,
        output: error.output,
      })
    }
  }
}

interface AppHook {
  /** In the app, for people. */
  readonly file: string
  readonly argv: readonly string[]
}

async function hooksOf(
  path: string,
  point: HookPoint,
  env: Readonly<Record<string, string>>,
): Promise<AppHook[]> {
  const found: AppHook[] = []
  const program = `deploy/hooks/${point}`
  if (await hasExecutable(path, program)) found.push({ file: program, argv: [join(path, program)] })
  else if (await hasFile(path, program)) {
    throw new PypaasError('failed', `${program} of the app is not executable`, {
      hint: 'run `git update-index --chmod=+x` on it and build the artifact anew',
    })
  }
  if (await hasFile(path, 'deploy/hooks.mjs')) {
    const argv = [process.execPath, templatePath('hooks/run-hook.mjs'), point]
    found.push({ file: 'deploy/hooks.mjs', argv })
  }
  if (await hasFile(path, 'deploy/hooks.py')) {
    const argv = [await pythonOf(path, env), templatePath('hooks/run_hook.py'), point]
    found.push({ file: 'deploy/hooks.py', argv })
  }
  return found
}

/** The app's virtualenv has what its hooks import. */
async function pythonOf(path: string, env: Readonly<Record<string, string>>): Promise<string> {
  if (await hasExecutable(path, 'venv/bin/python')) return join(path, 'venv', 'bin', 'python')
  const python = findProgram('python3', env)
  if (python !== undefined) return python
  throw new PypaasError('failed', 'the app has hooks in Python, and python3 is not installed', {
    hint: 'run `apt-get install python3` on this host',
  })
}

function hookEnvironment(ctx: Context, { app, version, target, values }: Version): Record<string, string> {
  return {
    ...environmentOf(ctx.baseEnv, target),
    // What comes with pypaas is not written to.
    PYTHONDONTWRITEBYTECODE: '1',
    HOSTNAME: hostname(),
    PYPAAS_APP: app.app,
    PYPAAS_TARGET: app.target,
    PYPAAS_VERSION: version,
    PYPAAS_ROOT: ctx.paths.app(app).root,
    PYPAAS_DIRECTORY: target.path,
    PYPAAS_VALUES: JSON.stringify(values),
  }
}
