/** Checkouts: the files of one commit, with its submodules, without `.git`. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { readIfThere } from '../system/files.ts'
import type { Output } from '../system/output.ts'
import { capture, stream } from '../system/run.ts'

export interface CheckoutOptions {
  readonly output: Output
  readonly signal?: AbortSignal | undefined
}

/** Writes the files of `commit` into `path`, which must not be there. Leaves nothing there if it fails. */
export async function createCheckout(
  ctx: Context,
  repository: string,
  commit: string,
  path: string,
  options: CheckoutOptions,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await mkdir(path)
  // A commit is written with an index of its own, so that checkouts of one repository can be made at once.
  const index = `${path}.index`
  const env = { ...ctx.baseEnv, GIT_TERMINAL_PROMPT: '0' }
  try {
    await stream(
      [
        'git',
        `--git-dir=${repository}`,
        `--work-tree=${path}`,
        '-c',
        'core.bare=false',
        'checkout',
        '-q',
        commit,
        '--',
        '.',
      ],
      options.output,
      { cwd: path, env: { ...env, GIT_INDEX_FILE: index }, signal: options.signal },
    ).catch((error: unknown) => {
      if (
        error instanceof PypaasError &&
        error.output.some((line) => line.includes('did not match any file'))
      )
        return
      throw error
    })
    if ((await readIfThere(join(path, '.gitmodules'))) !== undefined) {
      await addSubmodules(repository, commit, path, env, options)
    }
  } catch (error) {
    await rm(path, { recursive: true, force: true })
    throw error
  } finally {
    await rm(index, { force: true })
  }
}

/**
 * Submodules come from where `.gitmodules` says, except from this machine: a path or `file://`
 * would read whatever the deploy user can read, other repos included (git's CVE-2022-39253).
 */
async function addSubmodules(
  repository: string,
  commit: string,
  path: string,
  env: Record<string, string>,
  options: CheckoutOptions,
): Promise<void> {
  const urls = await capture(
    ['git', 'config', '--file', join(path, '.gitmodules'), '--get-regexp', String.raw`^submodule\..*\.url$`],
    { env },
  ).catch(() => '')
  for (const line of urls.split('\n').filter(Boolean)) {
    const [, name = '', url = ''] = /^submodule\.(.*)\.url (.*)$/.exec(line) ?? []
    if (isLocal(url)) throw localSubmodule(name, url)
  }
  // Submodules need a repository of their own to stand in: borrow the objects, drop it afterwards.
  const git = (...args: string[]): Promise<void> =>
    stream(
      ['git', '-c', 'protocol.file.allow=never', '-c', 'protocol.ext.allow=never', ...args],
      options.output,
      {
        cwd: path,
        env,
        signal: options.signal,
      },
    )
  await git('init', '-q')
  await writeFile(join(path, '.git', 'objects', 'info', 'alternates'), `${join(repository, 'objects')}\n`)
  await git('update-ref', '--no-deref', 'HEAD', commit)
  await git('read-tree', commit)
  await git('submodule', 'update', '--init', '--recursive', '--quiet').catch((error: unknown) => {
    throw notFetched(error)
  })
  await removeGit(path)
}

function localSubmodule(name: string, url: string): PypaasError {
  const what = /^\.{1,2}\//.test(url)
    ? 'a URL relative to this repository, hence a path on this host'
    : 'a path on this host'
  return new PypaasError(
    'failed',
    `the submodule ${name} has the URL ${url}: ${what}, which is not allowed`,
    {
      where: '.gitmodules',
      hint: 'give it an https:// or ssh URL that this host can reach',
    },
  )
}

function notFetched(error: unknown): unknown {
  if (!(error instanceof PypaasError) || error.code !== 'failed') return error
  const local = error.output.some((line) => /transport '\w+' not allowed/.test(line))
  return new PypaasError('failed', 'the submodules cannot be fetched', {
    cause: error,
    output: error.output,
    hint: local
      ? 'a submodule has a submodule with a path or another forbidden kind of URL: give that one an https:// or ssh URL'
      : 'this host has to reach their URLs; private ones need an SSH key of the user that pypaas runs as',
  })
}

/** Whether git would take a submodule's URL for a path: only `scheme://` other than file, and `host:path`, are not. */
function isLocal(url: string): boolean {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase()
  if (scheme !== undefined) return scheme === 'file'
  return !/^[^/:]+:[^:]/.test(url)
}

/** Removes every `.git` of the checkout and of its submodules. */
async function removeGit(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.name === '.git') await rm(path, { recursive: true, force: true })
    else if (entry.isDirectory()) await removeGit(path)
  }
}
