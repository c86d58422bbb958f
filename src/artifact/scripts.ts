/** The project's own scripts in the making of an artifact. */
import { stat } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { hasExecutable, hasFile } from '../build/detect.ts'
import { runStep, type BuildJob } from '../build/builder.ts'
import { PypaasError } from '../errors.ts'
import { shellQuote } from '../system/shell.ts'

/** What scripts are told (platter's names), as variables of their environment. */
export interface ScriptPlaces {
  /** The artifact that is being made: what lies here is in the archive. */
  readonly HERE: string
  readonly DATA_DIR: string
  readonly SOURCE_DIR: string
  /** For whatever a script needs in between; gone after the build. */
  readonly SCRATCHPAD: string
  /** Commands that are appended to it run at the end of an installation, in its directory. */
  readonly INSTALL_SCRIPT: string
  /** The virtualenv of the build; there if the project has Python packages. */
  readonly VIRTUAL_ENV: string
  /** What `scripts/dist.sh` puts here is the app, in the place of all that was built. */
  readonly DIST_DIR: string
}

/** Runs a script of the project if it has it. */
export async function runProjectScript(job: BuildJob, script: string): Promise<boolean> {
  if (!(await hasFile(job.target.path, script))) return false
  await runScript(job, script, (await hasExecutable(job.target.path, script)) ? [] : ['sh'])
  return true
}

/**
 * Runs a script that was named on the command line: of the project, or of whoever builds.
 * @param cwd where the command was given
 */
export async function runNamedScript(job: BuildJob, script: string, cwd: string): Promise<void> {
  const places = isAbsolute(script) ? [script] : [join(job.target.path, script), resolve(cwd, script)]
  for (const path of places) {
    const found = await stat(path).catch(() => undefined)
    if (found?.isFile() !== true) continue
    return runScript(job, path, (found.mode & 0o111) === 0 ? ['sh'] : [])
  }
  throw new PypaasError('usage', `there is no script ${JSON.stringify(script)}`, {
    hint: 'name a file of the project at that revision, or one beside you',
  })
}

/** By a shell, because a script without `#!` cannot be executed directly (execve(2), ENOEXEC). */
async function runScript(job: BuildJob, path: string, interpreter: readonly string[]): Promise<void> {
  const shown = isAbsolute(path) ? path : `./${path}`
  await runStep(job, ['sh', '-c', [...interpreter, shellQuote(shown)].join(' ')])
}
