/** The developer's side of the quick start: a key, the known host, a working copy of the sample app. */
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { Daemon } from '../commands/serve/daemon.ts'
import type { Context } from '../context.ts'
import { replaceFile, temporaryBeside } from '../system/files.ts'
import { silent } from '../system/output.ts'
import { capture, stream } from '../system/run.ts'
import { shellCommand } from '../system/shell.ts'
import { templatePath } from '../templates.ts'

export interface Client {
  /** What `git push` wants in GIT_SSH_COMMAND. */
  readonly sshCommand: string
  /** The address of a repo, for git. */
  remote(repo: string): string
  /** Pushes the sample app. Its output comes through the daemon. */
  push(repo: string, branch: string, signal: AbortSignal): Promise<void>
}

/** Makes what is missing of it; the host's key is written anew. */
export async function createClient(ctx: Context, ssh: NonNullable<Daemon['ssh']>): Promise<Client> {
  const directory = join(ctx.paths.home, 'client')
  const key = join(directory, 'id_ed25519')
  const knownHosts = join(directory, 'known_hosts')
  const workingCopy = join(directory, 'sample-app')
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await makeKey(ctx, key)
  const host = reachable(ssh.host)
  await replaceFile(knownHosts, `[${host}]:${ssh.port} ${ssh.hostKey}\n`)
  const options = [`IdentityFile=${optionValue(key)}`, `UserKnownHostsFile=${optionValue(knownHosts)}`]
  const sshCommand = shellCommand([
    'ssh',
    ...[...options, 'IdentitiesOnly=yes'].flatMap((option) => ['-o', option]),
  ])
  const remote = (repo: string): string =>
    `ssh://${userInfo().username}@${host.includes(':') ? `[${host}]` : host}:${ssh.port}/${repo}`
  return {
    sshCommand,
    remote,
    async push(repo, branch, signal) {
      await makeWorkingCopy(ctx, workingCopy, branch)
      const env = { ...ctx.baseEnv, GIT_SSH_COMMAND: sshCommand, GIT_TERMINAL_PROMPT: '0' }
      const command = ['git', 'push', '--quiet', '--force', remote(repo), `HEAD:${branch}`]
      await stream(command, silent, { cwd: workingCopy, env, signal })
    },
  }
}

/** A server that listens on every address is asked at one of them. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

/** A file name as ssh_config(5) takes it: quoted if it has blanks, and with `%` doubled, which begins a token. */
function optionValue(path: string): string {
  const text = path.replaceAll('%', '%%')
  return /\s/.test(text) ? `"${text}"` : text
}

async function makeKey({ paths, baseEnv }: Context, key: string): Promise<void> {
  if (!existsSync(key)) {
    await capture(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'quick start', '-f', key], {
      env: baseEnv,
    })
  }
  const name = userInfo().username.replaceAll(/[^A-Za-z0-9._-]/g, '_')
  const authorized = join(paths.authorizedKeysDir, `${name}.pub`)
  if (!existsSync(authorized)) await replaceFile(authorized, await readFile(`${key}.pub`, 'utf8'), 0o600)
}

/** Beside its place first, so that one which was cut short is not taken for whole. */
async function makeWorkingCopy({ baseEnv }: Context, path: string, branch: string): Promise<void> {
  if (existsSync(path)) return
  const temporary = temporaryBeside(path)
  try {
    await cp(templatePath('sample-app'), temporary, { recursive: true })
    const git = (...args: string[]): Promise<string> =>
      capture(['git', ...args], { cwd: temporary, env: baseEnv })
    await git('init', '--quiet', `--initial-branch=${branch}`)
    await git('config', 'user.name', 'quick start')
    await git('config', 'user.email', 'quick@start.invalid')
    await git('add', '--all')
    await git('commit', '--quiet', '-m', 'The sample app')
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}
