/** The environment of builds, hooks, processes and custom commands. Pure. */
import { join } from 'node:path'
import type { Context } from './context.ts'

/** A checkout, and what its programs are to know. */
export interface Target {
  /** Directory of the checkout, absolute. */
  readonly path: string
  /** The full object id. */
  readonly commit: string
  /** The branch's `env`. */
  readonly env: Readonly<Record<string, string>>
}

/** Environment variable that the builds and hooks of a deploy carry, so that they can be found. */
export const BUILD_MARK = 'PYPAAS_DEPLOY'

/** Where Debian's login looks for programs (`ENV_SUPATH` of login.defs(5)). */
const STANDARD_DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/**
 * The base environment of everything that pypaas starts. None of the daemon's own variables are in it.
 * The directory of the node that runs pypaas comes first where it is not a standard one,
 * so that `node` and `npm` are a pair, also with a version manager.
 */
export function baseEnvironment(
  user: { readonly name: string; readonly home: string },
  nodeBinDir: string,
): Record<string, string> {
  const directories = STANDARD_DIRECTORIES.includes(nodeBinDir)
    ? STANDARD_DIRECTORIES
    : [nodeBinDir, ...STANDARD_DIRECTORIES]
  return {
    PATH: directories.join(':'),
    HOME: user.home,
    LANG: 'C.UTF-8',
    USER: user.name,
    LOGNAME: user.name,
    SHELL: '/bin/sh',
  }
}

/** The base, the branch's `env` over it, and what the checkout itself gives: its commit and its programs on PATH. */
export function environmentOf(base: Context['baseEnv'], target: Target): Record<string, string> {
  // An empty element in PATH would mean the working directory, so an empty PATH counts as none.
  const inherited = target.env['PATH'] || base['PATH']
  const own = [join(target.path, 'node_modules', '.bin'), join(target.path, 'venv', 'bin')]
  return {
    ...base,
    ...target.env,
    GIT_COMMIT: target.commit,
    PWD: target.path,
    PATH: (inherited === undefined || inherited === '' ? own : [...own, inherited]).join(':'),
  }
}
