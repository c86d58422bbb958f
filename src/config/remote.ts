/** Where a branch or `pull` gets its files from: how it is written, and what it means. Pure. */
import { branchNameMistake } from './naming.ts'

/** Sent with HTTP's Basic scheme (RFC 7617). */
export interface Credentials {
  readonly user: string
  readonly password: string
}

interface Shown {
  /** How messages name it: without credentials, and without a query, which may be one. */
  readonly shown: string
}

export interface GitRemote extends Shown {
  readonly kind: 'git'
  /** What git is given; without credentials. */
  readonly url: string
  readonly credentials: Credentials | undefined
  /** The directory of the repository that is wanted, without slashes at its ends; empty: all of it. */
  readonly directory: string
  /** Undefined: `master`, or what the remote's HEAD points at. */
  readonly branch: string | undefined
}

export interface HttpRemote extends Shown {
  readonly kind: 'http'
  /** Of an archive; without credentials. */
  readonly url: string
  readonly credentials: Credentials | undefined
}

export interface S3Remote extends Shown {
  readonly kind: 's3'
  readonly bucket: string
  /** Of an archive. */
  readonly key: string
}

export interface ArtifactRemote extends Shown {
  readonly kind: 'artifact'
  readonly app: string
  readonly target: string
  /** Undefined: the app's usual one. */
  readonly artifact: string | undefined
}

export type Remote = GitRemote | HttpRemote | S3Remote | ArtifactRemote

/** The remote that a text stands for, or what is wrong with it. The answer never holds a secret of the text. */
export function parseRemote(text: string): Remote | string {
  if (text === '' || /[\s\p{Cc}]/u.test(text)) return 'a remote cannot be empty or hold spaces'
  if (text.startsWith('-')) return 'a remote cannot begin with `-`'
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === 'http' || scheme === 'https') return parseHttp(text)
  if (scheme === 's3') return parseS3(text)
  if (scheme === 'git+ssh' || scheme === 'ssh') return parseGit(text.replace(/^git\+/i, ''))
  if (scheme === 'git+https' || scheme === 'git+http') return parseGit(text.slice('git+'.length))
  if (scheme !== undefined) return `\`${scheme}://\` is not known; ${KNOWN}`
  if (text.startsWith('artifact:')) return parseArtifact(text)
  if (text.startsWith('/')) return parsePath(text)
  return SCP.test(text) ? parseScp(text) : `it is no remote; ${KNOWN}`
}

const KNOWN =
  'a remote is `user@host:path.git`, `git+ssh://…`, `git+https://…`, an absolute path, `https://….zip`, `s3://bucket/key` or `artifact:app/target`'

/** `user@host:path`, and without the user where `.git` tells that a repository is meant. */
const SCP = /^(?:[^@/:]+@(?:[^@/:[\]]+|\[[^\]]+\]):.|[^@/:]+:.*\.git(?:[/#]|$))/

function parseHttp(text: string): HttpRemote | string {
  const url = urlOf(text)
  if (url === undefined) return 'it is no URL'
  if (/\.git(?:\/|$)/.test(url.pathname)) {
    return 'it looks like a git repository; write `git+https://` in the place of `https://`'
  }
  const credentials = takeCredentials(url)
  url.hash = ''
  return { kind: 'http', url: url.href, credentials, shown: `${url.origin}${url.pathname}` }
}

function parseS3(text: string): S3Remote | string {
  const [, bucket, key] = /^s3:\/\/([a-z0-9][a-z0-9._-]{1,62})\/(.+)$/i.exec(text) ?? []
  if (bucket === undefined || key === undefined)
    return 'expected `s3://bucket/key` with the key of an archive'
  if (key.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    return 'a part of the key is empty, `.` or `..`'
  }
  return { kind: 's3', bucket, key, shown: text }
}

/** Names as the repository of artifacts has them; a target that holds a `/` is written with `%2F`. */
function parseArtifact(text: string): ArtifactRemote | string {
  const [app = '', target = 'master', artifact, ...more] = text
    .slice('artifact:'.length)
    .split('/')
    .map((part) => part.replaceAll(/%2F/gi, '/'))
  const names = [app, ...target.split('/'), ...(artifact === undefined ? [] : [artifact])]
  if (more.length > 0 || names.some((name) => !/^[A-Za-z0-9_][A-Za-z0-9_.+~-]*$/.test(name))) {
    return 'expected `artifact:app`, `artifact:app/target` or `artifact:app/target/artifact`'
  }
  return { kind: 'artifact', app, target, artifact, shown: text }
}

function parseGit(text: string): GitRemote | string {
  const url = urlOf(text)
  if (url === undefined) return 'it is no URL'
  const fragment = decoded(url.hash.slice(1))
  url.hash = ''
  const isSsh = url.protocol === 'ssh:'
  if (isSsh && url.password !== '') return 'a password cannot be given to ssh; use a key of the user'
  if (isSsh && (url.hostname.startsWith('-') || url.username.startsWith('-')))
    return 'a host cannot begin with `-`'
  const credentials = isSsh ? undefined : takeCredentials(url)
  const { repository, directory } = splitRepository(url.pathname)
  url.pathname = repository
  return gitRemote(url.href, credentials, decoded(directory), fragment)
}

function parsePath(text: string): GitRemote | string {
  const { before, fragment } = splitFragment(text)
  const { repository, directory } = splitRepository(before)
  return gitRemote(repository, undefined, directory, fragment)
}

function parseScp(text: string): GitRemote | string {
  const { before, fragment } = splitFragment(text)
  const { repository, directory } = splitRepository(before)
  return gitRemote(repository, undefined, directory, fragment)
}

function gitRemote(
  url: string,
  credentials: Credentials | undefined,
  directory: string,
  branch: string,
): GitRemote | string {
  const parts = directory.split('/').filter((part) => part !== '')
  if (parts.some((part) => part === '..' || part === '.' || part.toLowerCase() === '.git')) {
    return 'the directory in the repository cannot hold `.`, `..` or `.git`'
  }
  const mistake = branch === '' ? undefined : branchNameMistake('', branch)
  if (mistake !== undefined) return mistake
  const within = parts.join('/')
  return {
    kind: 'git',
    url,
    credentials,
    directory: within,
    branch: branch === '' ? undefined : branch,
    shown: `${url}${within === '' ? '' : `/${within}`}${branch === '' ? '' : `#${branch}`}`,
  }
}

/** A repository ends where the first part that ends in `.git` does; without one, it is all there is. */
function splitRepository(path: string): { repository: string; directory: string } {
  const [, repository = path, directory = ''] = /^(.+?\.git)(?:\/+(.*))?$/.exec(path) ?? []
  return { repository, directory }
}

function splitFragment(text: string): { before: string; fragment: string } {
  const at = text.indexOf('#')
  return at === -1
    ? { before: text, fragment: '' }
    : { before: text.slice(0, at), fragment: text.slice(at + 1) }
}

/** Takes them out of the URL. */
function takeCredentials(url: URL): Credentials | undefined {
  const { username, password } = url
  url.username = ''
  url.password = ''
  return username === '' && password === ''
    ? undefined
    : { user: decoded(username), password: decoded(password) }
}

function urlOf(text: string): URL | undefined {
  try {
    const url = new URL(text)
    return url.hostname === '' ? undefined : url
  } catch {
    return undefined
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
