/** The talk with a git remote: where its branch is, and the objects that we do not have. */
import type { GitRemote } from '../config/remote.ts'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { capture } from '../system/run.ts'

/** Seconds until the other end has to have said where the branch is. */
const ASK_TIMEOUT = 60
/** Seconds that a fetch may take. */
const FETCH_TIMEOUT = 3600

/** Where a branch of a remote is. */
export interface RemoteHead {
  /** The full ref, `refs/heads/main`. */
  readonly ref: string
  readonly commit: string
}

interface Limits {
  readonly signal: AbortSignal
}

/**
 * Asks where the branch is: the configured one; else `master`, else what the remote's HEAD points at.
 * @throws PypaasError `failed` if the remote cannot be reached or has no such branch
 */
export async function askHead(ctx: Context, remote: GitRemote, { signal }: Limits): Promise<RemoteHead> {
  const wanted = `refs/heads/${remote.branch ?? 'master'}`
  const text = await git(ctx, remote, ['ls-remote', '--symref', '--', remote.url, wanted, 'HEAD'], {
    signal,
    timeout: ASK_TIMEOUT,
  })
  const head = headIn(text, remote.branch)
  if (head !== undefined) return head
  const what = remote.branch === undefined ? 'no branch master, and no HEAD' : `no branch ${remote.branch}`
  throw new PypaasError('failed', `${remote.shown} has ${what}`, {
    hint: 'name the branch that is meant behind a `#`, as in app.git#main',
  })
}

/** Reads the answer of `git ls-remote --symref`. Pure. */
export function headIn(text: string, branch: string | undefined): RemoteHead | undefined {
  const commits = new Map<string, string>()
  let pointsAt: string | undefined
  for (const line of text.split('\n')) {
    const [value = '', ref = ''] = line.split('\t')
    if (value.startsWith('ref: ') && ref === 'HEAD') pointsAt = value.slice('ref: '.length)
    else commits.set(ref, value)
  }
  const wanted = `refs/heads/${branch ?? 'master'}`
  const commit = commits.get(wanted)
  if (commit !== undefined) return { ref: wanted, commit }
  const head = commits.get('HEAD')
  if (branch !== undefined || head === undefined) return undefined
  return { ref: pointsAt ?? 'HEAD', commit: head }
}

/**
 * Brings the objects of a remote's head into a bare repository; what it has already is not sent again.
 * @param into the ref that is set to it; undefined: none, so that only its id leads there
 */
export async function fetchHead(
  ctx: Context,
  remote: GitRemote,
  head: RemoteHead,
  repository: string,
  { signal, into }: Limits & { readonly into?: string },
): Promise<void> {
  const spec = into === undefined ? head.ref : `+${head.ref}:${into}`
  await git(
    ctx,
    remote,
    [
      `--git-dir=${repository}`,
      '-c',
      'fetch.fsckObjects=true',
      'fetch',
      '--quiet',
      '--no-tags',
      '--no-write-fetch-head',
      '--no-auto-gc',
      '--no-recurse-submodules',
      '--',
      remote.url,
      spec,
    ],
    { signal, timeout: FETCH_TIMEOUT },
  )
}

async function git(
  ctx: Context,
  remote: GitRemote,
  args: readonly string[],
  limits: { readonly signal: AbortSignal; readonly timeout: number },
): Promise<string> {
  try {
    return await capture(['git', ...args], {
      env: { ...gitEnvironment(ctx), ...secretSettings(remote) },
      ...limits,
    })
  } catch (error) {
    if (!(error instanceof PypaasError) || error.code === 'cancelled') throw error
    const [message, hint] = reasonOf(error.output)
    throw new PypaasError('failed', `cannot pull from ${remote.shown}: ${message}`, {
      cause: error,
      output: error.output.filter((line) => line.trim() !== ''),
      hint,
    })
  }
}

/** Nobody is there to be asked for a password; only what a remote can be is spoken. */
export function gitEnvironment(ctx: Context): Record<string, string> {
  return { ...ctx.baseEnv, GIT_TERMINAL_PROMPT: '0', GIT_ALLOW_PROTOCOL: 'file:ssh:http:https' }
}

/** Credentials go by the environment (GIT_CONFIG_COUNT of git-config(1)), for this origin only: argv is seen by all. */
function secretSettings({ url, credentials }: GitRemote): Record<string, string> {
  if (credentials === undefined) return {}
  const { user, password } = credentials
  const token = Buffer.from(`${user}:${password}`).toString('base64')
  return {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: `http.${new URL(url).origin}/.extraHeader`,
    GIT_CONFIG_VALUE_0: `Authorization: Basic ${token}`,
  }
}

const REASONS: readonly (readonly [RegExp, string, string])[] = [
  [
    /host key verification failed/i,
    'its host key is not known',
    'add it to the known_hosts of the user that pypaas runs as (`ssh-keyscan HOST >> ~/.ssh/known_hosts`), after comparing it',
  ],
  [
    /permission denied \(|could not read (?:username|password)|authentication failed|HTTP Basic: Access denied/i,
    'it does not let us in',
    'the user that pypaas runs as needs a key that may read there, or credentials in the URL',
  ],
  [
    /could not resolve host|connection refused|connection timed out|no route to host|failed to connect/i,
    'it cannot be reached',
    'look whether it runs, and whether this host can reach it',
  ],
  [
    /does not appear to be a git repository|not found|does not exist|dubious ownership/i,
    'there is no repository that we may read',
    'look at the address, and whose the repository is',
  ],
]

function reasonOf(output: readonly string[]): [message: string, hint: string] {
  const text = output.join('\n')
  const [, message, hint] = REASONS.find(([pattern]) => pattern.test(text)) ?? []
  return [
    message ?? 'git failed',
    hint ?? 'its own words are above; `git ls-remote` as the user that pypaas runs as should work',
  ]
}
