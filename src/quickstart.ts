/**
 * `npm start`: a host in `.pypaas/` beside the project, with a sample app pushed to it. Stays in the
 * foreground until it is told to end, and then ends all that it started.
 */
import { once } from 'node:events'
import { cp, mkdir, readFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startDaemon, stopEverything, type Daemon } from './commands/serve/daemon.ts'
import { printFailure } from './commands/run-request.ts'
import { selfCommand } from './commands/session.ts'
import type { Context } from './context.ts'
import { PypaasError } from './errors.ts'
import { openContext } from './host.ts'
import { urlsOf } from './nginx/urls.ts'
import { replaceFile } from './system/files.ts'
import { streamOutput, type Output } from './system/output.ts'
import { capture, stream } from './system/run.ts'
import { shellCommand } from './system/shell.ts'
import { templatePath } from './templates.ts'

const REPO = 'hello'
const BRANCH = 'main'
const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The developer's side of the quick start: a key, the known host, a working copy. */
interface Client {
  readonly key: string
  readonly knownHosts: string
  readonly workingCopy: string
  readonly sshCommand: string
}

process.umask(0o022)
const out = streamOutput(process.stdout)
process.exitCode = await quickStart(join(ROOT, '.pypaas'), out).catch((error: unknown) =>
  printFailure(error, streamOutput(process.stderr)),
)

async function quickStart(home: string, output: Output): Promise<number> {
  const ending = new AbortController()
  const end = (): void => ending.abort()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
  await mkdir(home, { recursive: true, mode: 0o755 })
  if (!existsSync(join(home, 'config', 'pypaas.yml'))) {
    await cp(join(ROOT, 'config.example'), join(home, 'config'), { recursive: true })
    output.line(`made the configuration in ${join(home, 'config')} from config.example/`)
  }
  const client = clientOf(home)
  await makeClientKey(home, client)
  const ctx = await openContext({ home, config: join(home, 'config'), unconfigured: false })
  for (const { file, line, message } of ctx.config.problems) output.line(`${file}:${line}: ${message}`)

  const self = selfCommand([process.execPath, join(ROOT, 'dist', 'pypaas.js')], { home })
  const daemon = await startDaemon(ctx, { self, watch: output })
  try {
    await tryOut(ctx, daemon, client, output, ending.signal)
    if (!ending.signal.aborted) await once(ending.signal, 'abort')
  } finally {
    output.line('\nstopping the daemon, svscan, nginx and the apps')
    await daemon.close()
    await stopEverything(ctx)
  }
  return 0
}

/** Pushes the sample app, fetches its page, and says how to go on. */
async function tryOut(
  ctx: Context,
  daemon: Daemon,
  client: Client,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { ssh } = daemon
  if (ssh === undefined) {
    throw new PypaasError('config', 'the quick start needs the embedded SSH server', {
      where: join(ctx.config.dir, 'pypaas.yml'),
      hint: 'set `ssh: {listen: 127.0.0.1:2222}`',
    })
  }
  await replaceFile(client.knownHosts, `[${ssh.host}]:${ssh.port} ${ssh.hostKey}\n`)
  const remote = `ssh://${userInfo().username}@${ssh.host}:${ssh.port}/${REPO}`
  const url = urlsOf(ctx.config, { repo: REPO, branch: BRANCH })[0]
  await makeWorkingCopy(ctx, client)
  output.line(`\n$ git push ${remote} ${BRANCH}`)
  const env = { ...ctx.baseEnv, GIT_SSH_COMMAND: client.sshCommand, GIT_TERMINAL_PROMPT: '0' }
  await stream(
    ['git', 'push', '--quiet', remote, `HEAD:${BRANCH}`],
    { line() {} },
    { cwd: client.workingCopy, env, signal },
  )
  if (url !== undefined) {
    const title = await pageTitle(ctx, url)
    output.line(`\n${url} answers: ${title}`)
  }
  output.line(`
To push an app of your own (one that \`node server.js\` starts) in place of the sample:

    cd your-app
    export GIT_SSH_COMMAND=${shellCommand([client.sshCommand])}
    git push ${remote} HEAD:${BRANCH}

What runs and how is configured in ${ctx.config.dir}; see README.md.
Press Ctrl-C to stop everything.`)
}

function clientOf(home: string): Client {
  const key = join(home, 'client', 'id_ed25519')
  const knownHosts = join(home, 'client', 'known_hosts')
  const options = ['-i', key, '-o', 'IdentitiesOnly=yes', '-o', `UserKnownHostsFile=${knownHosts}`]
  return {
    key,
    knownHosts,
    workingCopy: join(home, 'client', 'sample-app'),
    sshCommand: shellCommand(['ssh', ...options]),
  }
}

async function makeClientKey(home: string, client: Client): Promise<void> {
  if (existsSync(client.key)) return
  const env = { PATH: process.env['PATH'] ?? '', HOME: home }
  await mkdir(join(home, 'client'), { recursive: true, mode: 0o700 })
  await capture(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'quick start', '-f', client.key], {
    env,
  })
  const name = userInfo().username.replaceAll(/[^A-Za-z0-9._-]/g, '_')
  await replaceFile(
    join(home, '.ssh', 'authorized_keys.d', `${name}.pub`),
    await readFile(`${client.key}.pub`, 'utf8'),
    0o600,
  )
}

async function makeWorkingCopy({ baseEnv }: Context, { workingCopy }: Client): Promise<void> {
  if (existsSync(join(workingCopy, '.git'))) return
  await cp(templatePath('sample-app'), workingCopy, { recursive: true })
  const git = (...args: string[]): Promise<string> =>
    capture(['git', ...args], { cwd: workingCopy, env: baseEnv })
  await git('init', '--quiet', `--initial-branch=${BRANCH}`)
  await git('add', '--all')
  await git(
    '-c',
    'user.name=quick start',
    '-c',
    'user.email=quick@start.invalid',
    'commit',
    '--quiet',
    '-m',
    'The sample app',
  )
}

/** Asks nginx itself, because not every resolver knows names below localhost. */
async function pageTitle(ctx: Context, url: string): Promise<string> {
  const { http } = ctx.config.main.nginx
  const asked = request({
    host: http.host ?? '127.0.0.1',
    port: http.port,
    headers: { host: new URL(url).host },
  })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const body = Buffer.concat(await response.toArray()).toString('utf8')
  if (response.statusCode !== 200) {
    throw new PypaasError('failed', `${url} answers with status ${response.statusCode}`, {
      hint: `${ctx.paths.logFile('nginx-error.log')} may say why`,
    })
  }
  return /<title>(.*?)<\/title>/s.exec(body)?.[1] ?? 'a page without a title'
}
