/** What is wrong in the file of a repo that its schema finds right. Pure. */
import { atKey, atValue, withPath, type Finding } from './finding.ts'
import { branchNameMistake, repoNameMistake, runnerNameMistake } from './naming.ts'
import { nginxTextMistake } from './nginx-text.ts'
import { parseRemote } from './remote.ts'
import { scheduleMistake } from './schedule.ts'
import type { RawBranch, RawRepo, RawRunner } from './schema.ts'
import { parseStatus, withoutOuterSlashes } from './values.ts'

/** Services that one svscan takes; a release has one svscan (svscan of daemontools 0.76). */
const LARGEST_RELEASE = 1000

export function checkRepo(name: string, raw: RawRepo): Finding[] {
  const mistake = repoNameMistake(name)
  const names = Object.keys(raw.branches)
  return [
    ...(mistake === undefined ? [] : [atKey([], mistake)]),
    ...Object.entries(raw.branches).flatMap(([branch, value]) => checkBranch(name, branch, value, names)),
  ]
}

function checkBranch(repo: string, branch: string, raw: RawBranch, others: readonly string[]): Finding[] {
  const path = ['branches', branch]
  const mistake = branchNameMistake(repo, branch) ?? conflict(branch, others)
  const processes = Object.values(raw.runners).reduce((sum, runner) => sum + processCount(runner), 0)
  const tooMany = `${processes} processes are more than the ${LARGEST_RELEASE} that a branch may have`
  return [
    ...(mistake === undefined ? [] : [atKey(path, withPath(path, mistake))]),
    ...(processes > LARGEST_RELEASE
      ? [atKey([...path, 'runners'], withPath([...path, 'runners'], tooMany))]
      : []),
    ...Object.entries(raw.runners).flatMap(([name, runner]) => checkRunner(repo, branch, name, runner)),
    ...checkEnv([...path, 'env'], raw.env ?? {}),
    ...checkSource([...path, 'source'], raw.source),
  ]
}

function checkSource(path: readonly string[], source: RawBranch['source']): Finding[] {
  if (source === undefined) return []
  const remote = parseRemote(source.remote)
  const mistakes: [string, string | undefined][] = [
    ['remote', typeof remote === 'string' ? remote : undefined],
    ['schedule', source.schedule === undefined ? undefined : scheduleMistake(source.schedule)],
  ]
  return mistakes.flatMap(([key, mistake]) =>
    mistake === undefined ? [] : [atValue([...path, key], withPath([...path, key], mistake))],
  )
}

/** In a git repository `a` is a file where `a/b` needs a directory. */
function conflict(branch: string, others: readonly string[]): string | undefined {
  const below = others.find((other) => other.startsWith(`${branch}/`))
  return below === undefined
    ? undefined
    : `git cannot hold both \`${branch}\` and \`${below}\`; rename one of them`
}

function processCount(runner: RawRunner): number {
  return runner.type === 'NginxStatic' ? 0 : (runner.process_count ?? 1)
}

function checkRunner(repo: string, branch: string, name: string, raw: RawRunner): Finding[] {
  const path = ['branches', branch, 'runners', name]
  const nameMistake = runnerNameMistake(repo, branch, name)
  const mistakes: [string[], string | undefined][] = [
    [['nginx_extra_config'], textMistake(raw.nginx_extra_config)],
    [['nginx_extra_upstream_config'], textMistake(raw.nginx_extra_upstream_config)],
  ]
  if (raw.type === 'NginxStatic')
    mistakes.push([['subdirectory'], subdirectoryMistake(raw.subdirectory ?? '')])
  if (raw.type === 'NginxBackend') {
    mistakes.push(
      [['nginx_proxy_path'], proxyPathMistake(raw.nginx_proxy_path ?? '')],
      [['health', 'path'], raw.health?.path === undefined ? undefined : healthPathMistake(raw.health.path)],
      [['health', 'status'], statusMistake(raw.health?.status ?? 200)],
    )
  }
  return [
    ...(nameMistake === undefined ? [] : [atKey(path, withPath(path, nameMistake))]),
    ...mistakes.flatMap(([keys, mistake]) => {
      const where = [...path, ...keys]
      return mistake === undefined ? [] : [atValue(where, withPath(where, mistake))]
    }),
  ]
}

function textMistake(text: string | undefined): string | undefined {
  return text === undefined ? undefined : nginxTextMistake(text)
}

function subdirectoryMistake(directory: string): string | undefined {
  if (withoutOuterSlashes(directory).split('/').includes('..')) {
    return '`..` leads out of the checkout; name a directory below it'
  }
  // It becomes part of a path in nginx's configuration, where `$` cannot be escaped.
  return /["'\\$;{}\p{Cc}]/u.test(directory)
    ? 'quotes, `\\`, `$`, `;`, `{`, `}` and control characters cannot be part of it'
    : undefined
}

function proxyPathMistake(path: string): string | undefined {
  if (path === '' || /^[/$][^\s"'\\;{}#\p{Cc}]*$/u.test(path)) return undefined
  return 'expected a path that begins with `/` and holds no spaces, quotes, `;`, `{` or `}`'
}

/** The request target of RFC 9112, 3.2.1: a path, optionally with a query. */
function healthPathMistake(path: string): string | undefined {
  return /^\/[!$-~]*$/.test(path)
    ? undefined
    : 'expected a path as in `/healthz`; spaces and characters beyond ASCII are written as %XX'
}

function statusMistake(status: string | number): string | undefined {
  return parseStatus(status) === undefined
    ? 'expected an HTTP status from 100 to 599, or a range of them as in `200-399`'
    : undefined
}

/** The names that a shell can hold (POSIX, 8.1); others are lost on the way to the process. */
function checkEnv(path: readonly string[], env: NonNullable<RawBranch['env']>): Finding[] {
  return Object.keys(env).flatMap((name) => {
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return []
    const text = 'the name of an environment variable has only letters, digits and `_`, and no digit first'
    return [atKey([...path, name], withPath([...path, name], text))]
  })
}
