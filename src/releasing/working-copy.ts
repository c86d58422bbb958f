/** git in the working copy that is released from, with the user's own settings: who commits, how tags are signed. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasErrno, PypaasError } from '../errors.ts'
import { capture } from '../system/run.ts'
import type { Facts } from './plan.ts'

export interface WorkingCopy {
  /** Directory of the project, in the working copy. */
  readonly project: string
  /** The working copy's own directory. */
  readonly root: string
  /** The project's path below the root; empty, or with `/` at its end. */
  readonly prefix: string
  /** The repository's directory, shared by all of its working copies. */
  readonly repository: string
  /** The user's environment. */
  readonly env: Readonly<Record<string, string>>
  /** Standard output of git in the root, without the line end. @throws PypaasError `failed` */
  readonly git: (...args: string[]) => Promise<string>
}

/** @throws PypaasError `usage` if the directory is in no working copy */
export async function openWorkingCopy(
  project: string,
  env: Readonly<Record<string, string>>,
): Promise<WorkingCopy> {
  const asked = ['--show-toplevel', '--git-common-dir', '--show-prefix']
  const found = await capture(['git', 'rev-parse', '--path-format=absolute', ...asked], {
    cwd: project,
    env,
  }).catch((cause: unknown) => {
    throw new PypaasError('usage', 'this is no working copy of a git repository', {
      where: project,
      cause,
      hint: 'run `release` in the directory of the project',
    })
  })
  const [root = '', repository = '', prefix = ''] = found.split('\n')
  const git = async (...args: string[]): Promise<string> =>
    (await capture(['git', ...args], { cwd: root, env })).trimEnd()
  return { project, root, prefix, repository, env, git }
}

export async function readFacts({ project, git }: WorkingCopy): Promise<Facts> {
  const head = await git('rev-parse', '--verify', '--quiet', 'HEAD').catch(() => '')
  if (head === '') {
    throw new PypaasError('failed', 'there is no commit yet', { hint: 'commit something first' })
  }
  return {
    head,
    branch: (await git('symbolic-ref', '--quiet', '--short', 'HEAD').catch(() => '')) || undefined,
    changes: lines(await git('status', '--porcelain', '--untracked-files=all')),
    tags: lines(await git('tag', '--list')),
    text: (path) => textIfThere(join(project, path)),
    has: (path) => existsSync(join(project, path)),
    isExecutable: (path) => isExecutable(join(project, path)),
  }
}

/**
 * A commit with these files changed, on top of `parent`; nothing refers to it yet.
 * @param edits path below the project → text
 */
export async function commitEdits(
  copy: WorkingCopy,
  parent: string,
  edits: ReadonlyMap<string, string>,
  message: string,
): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), 'pypaas-release-'))
  try {
    const env = { ...copy.env, GIT_INDEX_FILE: join(scratch, 'index') }
    const git = async (...args: string[]): Promise<string> =>
      (await capture(['git', ...args], { cwd: copy.root, env })).trimEnd()
    await git('read-tree', parent)
    for (const [path, text] of edits) {
      const file = join(scratch, 'file')
      await writeFile(file, text)
      const inRoot = copy.prefix + path
      const mode = (await git('ls-files', '--stage', '--', inRoot)).split(' ')[0] ?? '100644'
      const blob = await git('hash-object', '-w', `--path=${inRoot}`, '--', file)
      await git('update-index', '--add', '--cacheinfo', `${mode},${blob},${inRoot}`)
    }
    const tree = await git('write-tree')
    // Of git's commands only `commit` looks at this setting by itself.
    const signs = await git('config', '--type=bool', '--get', 'commit.gpgSign').catch(() => '')
    return await git('commit-tree', tree, '-p', parent, '-m', message, ...(signs === 'true' ? ['-S'] : []))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** An annotated tag; git signs it if it is set up to (`tag.gpgSign`). */
export async function createTag(
  { git }: WorkingCopy,
  tag: string,
  commit: string,
  message: string,
): Promise<void> {
  await git('tag', '--annotate', '--message', message, '--end-of-options', tag, commit)
}

/** Removes the tag if it is at that commit. */
export async function removeTag({ git }: WorkingCopy, tag: string, commit: string): Promise<void> {
  const at = (what: string): Promise<string> => git('rev-parse', '--verify', '--quiet', what).catch(() => '')
  const present = await at(`refs/tags/${tag}`)
  if (present !== '' && (await at(`refs/tags/${tag}^{commit}`)) === commit) {
    await git('update-ref', '-d', `refs/tags/${tag}`, present)
  }
}

/**
 * Moves the branch that is checked out, and its files. What somebody has changed meanwhile is kept.
 * @throws PypaasError `failed` if it is not at `from` any more, or a file that differs has been changed
 */
export async function moveBranch(copy: WorkingCopy, branch: string, from: string, to: string): Promise<void> {
  if (!(await isAt(copy, branch, from))) {
    throw new PypaasError('failed', `the branch ${branch} has moved while it was being released`, {
      hint: 'try again from where it is now',
    })
  }
  await copy.git('reset', '--quiet', '--keep', to)
}

/** Whether the branch is checked out, and at that commit. */
export async function isAt({ git }: WorkingCopy, branch: string, commit: string): Promise<boolean> {
  const present = await git('symbolic-ref', '--quiet', '--short', 'HEAD').catch(() => '')
  return present === branch && (await git('rev-parse', '--verify', 'HEAD')) === commit
}

function lines(text: string): string[] {
  return text.split('\n').filter(Boolean)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function textIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return undefined
    throw error
  }
}
