/** Opens the context that a command works with: whose home, which configuration, which log. */
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { findConfigDir, loadConfig } from './config/load.ts'
import { normalizeMain } from './config/normalize.ts'
import type { Context, Log } from './context.ts'
import { baseEnvironment } from './environment.ts'
import { PypaasError } from './errors.ts'
import { openLog } from './log.ts'
import { pathsOf } from './paths.ts'

export interface HostOptions {
  /** Default: the home of the user. */
  readonly home?: string
  /** Default: the first of `<home>/config` and `/etc/pypaas` that holds `pypaas.yml`. */
  readonly config?: string
  /** Default: the file below `logs/`. */
  readonly log?: Log
}

/**
 * @param options.unconfigured go on without a configuration if there is none
 * @throws PypaasError `config` if there is no configuration
 */
export async function openContext(
  options: HostOptions & { readonly unconfigured: boolean },
): Promise<Context> {
  const user = userInfo()
  const home = resolve(options.home ?? user.homedir)
  if (!options.unconfigured && !existsSync(home)) {
    throw new PypaasError('usage', `there is no home ${home}`, {
      hint: 'make the directory, or name another with --home',
    })
  }
  const paths = pathsOf(home)
  const dir =
    options.config === undefined ? await findConfigDir(paths.configCandidates) : resolve(options.config)
  if (dir === undefined && !options.unconfigured) {
    throw new PypaasError(
      'config',
      `there is no configuration: no pypaas.yml in ${paths.configCandidates.join(' or ')}`,
      {
        hint: 'copy config.example/ of pypaas to one of these and adapt it, or name a directory with --config',
      },
    )
  }
  return {
    paths,
    config:
      dir === undefined
        ? {
            dir: join(home, 'config'),
            main: normalizeMain(),
            repos: new Map(),
            domains: new Map(),
            problems: [],
          }
        : await loadConfig(dir, { cacheFile: join(paths.cache, 'config.json') }),
    log: options.log ?? openLog(paths),
    baseEnv: baseEnvironment({ name: user.username, home }, dirname(process.execPath)),
    now: () => new Date(),
  }
}
