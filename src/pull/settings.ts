/** What one `pull` is about: the options of the command over the file that they may name. */
import { dirname, join, resolve } from 'node:path'
import { parseRemote, type Remote } from '../config/remote.ts'
import { scheduleMistake } from '../config/schedule.ts'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { readIfThere } from '../system/files.ts'
import { parsePullFile, type PullFile } from './config.ts'
import type { AwsKeys } from './look.ts'

export interface PullSettings {
  readonly remote: Remote
  /** Absolute; `current` in it is the tree. */
  readonly local: string
  /** As cron has it. Undefined: every minute. */
  readonly schedule: string | undefined
  /** Absolute. */
  readonly cache: string
  /** Directories, absolute; undefined: no hooks. */
  readonly preHooks: string | undefined
  readonly postHooks: string | undefined
  readonly keys: AwsKeys | undefined
}

/** What was given on the command line. Paths may be relative to the working directory. */
export interface PullOptions {
  readonly config?: string | undefined
  readonly cache?: string | undefined
  readonly preHooks?: string | undefined
  readonly postHooks?: string | undefined
  readonly remote?: string | undefined
  readonly local?: string | undefined
}

/** Where a host of repo-deploy keeps its file, so that it can be taken over as it is. */
const FORMER = '/etc/repo-deploy/repo-deploy.cfg'
const FILE = 'pull.cfg'

/**
 * @throws PypaasError `config` if the file cannot be used, `usage` if it and the options do not say enough
 */
export async function pullSettings(ctx: Context, options: PullOptions): Promise<PullSettings> {
  const { path, file } = await readFile(ctx, options.config)
  const remote = remoteOf(options.remote ?? file.remote, options.remote === undefined ? path : undefined)
  const local = options.local ?? file.local
  if (local === undefined) {
    throw new PypaasError('usage', 'it is not said where the files are to be put', {
      hint: `\`-l DIRECTORY\`, or \`local=DIRECTORY\` in ${path ?? FILE}`,
    })
  }
  const mistake = file.schedule === undefined ? undefined : scheduleMistake(file.schedule)
  if (mistake !== undefined)
    throw new PypaasError('config', `schedule: ${mistake}`, path === undefined ? {} : { where: path })
  const beside = (name: string): string | undefined =>
    path === undefined ? undefined : join(dirname(path), name)
  const given = (option: string | undefined, name: string): string | undefined =>
    option === undefined ? beside(name) : resolve(option)
  return {
    remote,
    local: resolve(local),
    schedule: file.schedule,
    cache: resolve(options.cache ?? ctx.paths.pullCache),
    preHooks: given(options.preHooks, 'pre-update.d'),
    postHooks: given(options.postHooks, 'post-update.d'),
    keys: file.keys,
  }
}

function remoteOf(text: string | undefined, where: string | undefined): Remote {
  if (text === undefined) {
    throw new PypaasError('usage', 'it is not said what is to be pulled', {
      hint: `\`-r REMOTE\`, or \`remote=REMOTE\` in ${FILE}`,
    })
  }
  const remote = parseRemote(text)
  if (typeof remote !== 'string') return remote
  const at = where === undefined ? {} : { where }
  throw new PypaasError(where === undefined ? 'usage' : 'config', `remote: ${remote}`, at)
}

/** The file that is named, or the first that is there. */
async function readFile(
  ctx: Context,
  named: string | undefined,
): Promise<{ path: string | undefined; file: PullFile }> {
  const candidates =
    named === undefined
      ? [join(ctx.config.dir, FILE), ...ctx.paths.configCandidates.map((dir) => join(dir, FILE)), FORMER]
      : [resolve(named)]
  for (const path of candidates) {
    const text = await readIfThere(path)
    if (text !== undefined) return { path, file: parsePullFile(text, path) }
  }
  if (named !== undefined) throw new PypaasError('config', `there is no file ${named}`)
  return { path: undefined, file: {} }
}
