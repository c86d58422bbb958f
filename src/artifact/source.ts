/** The revision that an artifact is made of: in a repository on this host, or fetched from a URL. */
import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { readIfThere } from '../system/files.ts'
import { withLock } from '../system/lock.ts'
import type { Output } from '../system/output.ts'
import { capture, stream } from '../system/run.ts'

export interface Source {
  /** The repository's own directory, for git's `--git-dir`. */
  readonly repository: string
  /** Directory of the project in the repository; empty: all of it. */
  readonly subdirectory: string
  /** The last part of where it came from, for a project that does not say its name. */
  readonly name: string
  readonly commit: string
  readonly branch: string | undefined
  readonly tag: string | undefined
  readonly message: string
  readonly committed: Date
}

export interface SourceOptions {
  readonly cwd: string
  /** Default: HEAD. */
  readonly rev: string | undefined
  /** False: a URL's repository is taken as it was fetched last. */
  readonly download: boolean
  readonly output: Output
  readonly signal?: AbortSignal | undefined
}

/**
 * @param where a directory in or of a git repository, or a URL that git knows
 * @throws PypaasError `usage` if it is neither; `failed` if there is no such revision or it cannot be fetched
 */
export async function openSource(ctx: Context, where: string, options: SourceOptions): Promise<Source> {
  const place = await findRepository(ctx, where, options)
  const git = (...args: string[]): Promise<string> => gitOf(ctx, place.at, args)
  const rev = options.rev ?? 'HEAD'
  const commit = await git('rev-parse', '--verify', '--quiet', '--end-of-options', `${rev}^{commit}`).catch(
    () => '',
  )
  if (commit === '') {
    throw new PypaasError('failed', `there is no revision ${JSON.stringify(rev)}`, {
      where: redact(where),
      hint:
        options.rev === undefined
          ? 'commit something first: an artifact is made of a commit'
          : '--rev takes a commit, a branch or a tag; one that is only elsewhere has to be fetched first',
    })
  }
  const [seconds = '', ...message] = (
    await git('log', '-1', '--format=%ct%n%B', '--end-of-options', commit)
  ).split('\n')
  return {
    ...place,
    commit,
    branch: await branchOf(git, rev, commit),
    tag: await tagOf(git, rev, commit),
    message: message.join('\n').trimEnd(),
    committed: new Date(Number(seconds) * 1000),
  }
}

type Git = (...args: string[]) => Promise<string>

/** The branch that was named, else the one that HEAD is on, else nothing: a commit may be on many. */
async function branchOf(git: Git, rev: string, commit: string): Promise<string | undefined> {
  const name = rev === 'HEAD' ? await git('symbolic-ref', '--quiet', '--short', 'HEAD').catch(() => '') : rev
  if (name === '') return undefined
  const at = await git('rev-parse', '--verify', '--quiet', `refs/heads/${name}`).catch(() => '')
  return at === commit ? name : undefined
}

/** The tag that was named, else the newest that is at the commit. */
async function tagOf(git: Git, rev: string, commit: string): Promise<string | undefined> {
  const tags = (await git('tag', '--points-at', commit, '--sort=-version:refname'))
    .split('\n')
    .filter(Boolean)
  return tags.includes(rev) ? rev : tags[0]
}

interface Place extends Pick<Source, 'repository' | 'subdirectory' | 'name'> {
  /** Where git is run. */
  readonly at: string
}

async function findRepository(ctx: Context, where: string, options: SourceOptions): Promise<Place> {
  const directory = resolve(options.cwd, where)
  const isDirectory = await stat(directory).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (isDirectory) {
    const [repository, subdirectory = ''] = (
      await gitOf(ctx, directory, [
        'rev-parse',
        '--path-format=absolute',
        '--git-common-dir',
        '--show-prefix',
      ]).catch((cause: unknown) => {
        throw new PypaasError('usage', 'the directory is no git repository', {
          where: directory,
          cause,
          hint: 'an artifact is made of a commit: name a repository, or run `git init` and commit',
        })
      })
    ).split('\n')
    return {
      at: directory,
      repository: repository ?? directory,
      subdirectory: subdirectory.replace(/\/$/, ''),
      name: projectName(directory),
    }
  }
  if (!/^[\w+.-]+:\/\/|^[^/:]+:[^:]/.test(where) || where.startsWith('-')) {
    throw new PypaasError('usage', `there is no directory ${JSON.stringify(where)}`, {
      hint: 'name a directory with a git repository, or the URL of one',
    })
  }
  const repository = await fetchRepository(ctx, where, options)
  return { at: repository, repository, subdirectory: '', name: projectName(where) }
}

/** A repository of our own with all branches and tags of the URL's; fetched into, not cloned anew. */
async function fetchRepository(ctx: Context, url: string, options: SourceOptions): Promise<string> {
  const path = ctx.paths.artifactRepository(createHash('sha256').update(url).digest('hex').slice(0, 16))
  const fetched = (await readIfThere(join(path, 'HEAD'))) !== undefined
  if (!options.download) {
    if (fetched) return path
    throw new PypaasError('failed', `${redact(url)} has not been fetched yet, and --no-download forbids it`, {
      hint: 'build once without --no-download',
    })
  }
  const lock = { what: 'a fetch for an artifact', now: ctx.now(), signal: options.signal }
  return withLock(`${path}.lock`, lock, async () => {
    if (!fetched) await gitOf(ctx, '/', ['init', '--quiet', '--bare', path])
    const env = { ...gitEnvironment(ctx), ...remoteOf(url) }
    options.output.line(`fetching ${redact(url)}`)
    const run = { cwd: path, env, signal: options.signal }
    await stream(
      [
        'git',
        ...NO_EXT,
        'fetch',
        '--quiet',
        '--prune',
        '--force',
        'source',
        '+refs/heads/*:refs/heads/*',
        '+refs/tags/*:refs/tags/*',
      ],
      options.output,
      run,
    )
    const head = await capture(['git', ...NO_EXT, 'ls-remote', '--symref', 'source', 'HEAD'], run)
    const [, branch] = /^ref: (refs\/heads\/\S+)\tHEAD$/m.exec(head) ?? []
    if (branch !== undefined) await gitOf(ctx, path, ['symbolic-ref', 'HEAD', branch])
    return path
  })
}

/** A URL may not name a program to run (git-remote-ext(1)). */
const NO_EXT = ['-c', 'protocol.ext.allow=never']

/** The URL may hold a password, and a command line can be read by everybody; an environment cannot. */
function remoteOf(url: string): Record<string, string> {
  return { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'remote.source.url', GIT_CONFIG_VALUE_0: url }
}

function gitEnvironment(ctx: Context): Record<string, string> {
  return { ...ctx.baseEnv, GIT_TERMINAL_PROMPT: '0' }
}

async function gitOf(ctx: Context, cwd: string, args: readonly string[]): Promise<string> {
  return (await capture(['git', ...args], { cwd, env: gitEnvironment(ctx) })).trimEnd()
}

/** `…/org/shop.git/` is `shop`. */
function projectName(where: string): string {
  return basename(where.replace(/\/+$/, '').replace(/\/?\.git$/, '')).replace(/^.*:/, '') || 'app'
}

/** A URL without the user and password that may be in it. */
export function redact(url: string): string {
  return url.replace(/^([\w+.-]+:\/\/)[^/@]*@/, '$1')
}
