/** The bare repositories: made on the first push, with a hook that deploys. */
import { chmod, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import Mustache from 'mustache'
import type { RepoConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import { hasErrno } from '../errors.ts'
import { readIfThere, replaceFile, temporaryBeside } from '../system/files.ts'
import { shellCommand, shellQuote } from '../system/shell.ts'
import { readTemplate } from '../templates.ts'

/** What git says, run in a bare repository with the clean environment. Most pushes ask it nothing. */
async function askGit(ctx: Context, directory: string, ...args: string[]): Promise<string> {
  const { simpleGit } = await import('simple-git')
  return simpleGit({ baseDir: directory, trimmed: true }).env(ctx.baseEnv).raw(args)
}

/**
 * The bare repository of a configured repo, made if it is not there, with the present update hook.
 * @param command argv that starts pypaas on this home, for a push that bypasses SSH
 * @returns its path
 */
export async function ensureRepository(
  ctx: Context,
  repo: RepoConfig,
  command: readonly string[],
): Promise<string> {
  const path = ctx.paths.repo(repo.name)
  if ((await readIfThere(join(path, 'HEAD'))) === undefined) await create(ctx, path, firstBranch(repo))
  await writeHooks(path, repo.name, command)
  return path
}

/** The commit that a ref of the repository points at, if it is there. */
export async function commitOf(ctx: Context, repo: string, ref: string): Promise<string | undefined> {
  const path = ctx.paths.repo(repo)
  if ((await readIfThere(join(path, 'HEAD'))) === undefined) return undefined
  // With --quiet, git says nothing where there is no such ref.
  const words = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`]
  const found = await askGit(ctx, path, ...words).catch(() => '')
  return found === '' ? undefined : found
}

/**
 * Whether a branch points at `commit`; all zeros: whether it is not there. Looks at the ref's own file first,
 * which a push has just written.
 */
export async function isAt(ctx: Context, repo: string, branch: string, commit: string): Promise<boolean> {
  const loose = await readIfThere(join(ctx.paths.repo(repo), 'refs', 'heads', branch))
  if (loose?.trim() === commit) return true
  const present = await commitOf(ctx, repo, `refs/heads/${branch}`)
  return /^0+$/.test(commit) ? present === undefined : present === commit
}

/** Whether `later` holds all of `earlier`. False for all zeros. */
export async function isAncestor(
  ctx: Context,
  repo: string,
  earlier: string,
  later: string,
): Promise<boolean> {
  if (/^0+$/.test(earlier)) return false
  const words = ['merge-base', '--end-of-options', earlier, later]
  const base = await askGit(ctx, ctx.paths.repo(repo), ...words).catch(() => '')
  return base === earlier
}

/** First line of a commit's message, without control characters. */
export async function subjectOf(ctx: Context, repo: string, commit: string): Promise<string> {
  const subject =
    (await looseSubject(ctx.paths.repo(repo), commit)) ??
    (await askGit(ctx, ctx.paths.repo(repo), 'log', '-1', '--format=%s', '--end-of-options', commit))
  return subject.replaceAll(/\p{Cc}/gu, ' ').slice(0, 200)
}

/**
 * As `git log --format=%s` says it, of a commit in a file of its own, which those of a small push are: read
 * here, it costs no process. Undefined: git knows. The format is in git's documentation (gitformat-loose, and
 * commit objects in git-commit-tree).
 */
async function looseSubject(repository: string, commit: string): Promise<string | undefined> {
  try {
    const object = await readFile(join(repository, 'objects', commit.slice(0, 2), commit.slice(2)))
    const text = inflateSync(object).toString('utf8')
    const [headers = '', ...paragraphs] = text.slice(text.indexOf('\0') + 1).split(/\n\n/)
    const other = !text.startsWith('commit ') || headers.includes('\nencoding ')
    return other
      ? undefined
      : paragraphs
          .join('\n\n')
          .trimStart()
          .split(/\n\s*\n/)[0]
          ?.trimEnd()
          .replaceAll('\n', ' ')
  } catch {
    return undefined
  }
}

/** Points a branch at a commit; `commit` undefined removes it. */
export async function setBranch(
  ctx: Context,
  repo: string,
  branch: string,
  commit: string | undefined,
): Promise<void> {
  const ref = `refs/heads/${branch}`
  const words = commit === undefined ? ['-d', ref] : [ref, commit]
  await askGit(ctx, ctx.paths.repo(repo), 'update-ref', ...words)
}

/** Beside its place first, so that a repository is there whole or not at all. */
async function create(ctx: Context, path: string, branch: string): Promise<void> {
  const temporary = temporaryBeside(path)
  await mkdir(temporary, { recursive: true })
  try {
    await askGit(ctx, temporary, 'init', '--quiet', '--bare', `--initial-branch=${branch}`)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    // Another first push has been faster.
    if (!hasErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error
  }
}

/** What `git clone` checks out. */
function firstBranch(repo: RepoConfig): string {
  const names = [...repo.branches.keys()]
  return names.find((name) => name === 'main' || name === 'master') ?? names[0] ?? 'main'
}

async function writeHooks(path: string, repo: string, command: readonly string[]): Promise<void> {
  const view = { command: shellCommand(command), repo: shellQuote(repo) }
  for (const name of ['update', 'pre-receive']) {
    const hook = join(path, 'hooks', name)
    const text = Mustache.render(readTemplate(`${name}-hook.mustache`), view)
    if ((await readIfThere(hook)) === text) continue
    await replaceFile(hook, text, 0o755)
    await chmod(hook, 0o755)
  }
}
