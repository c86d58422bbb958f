/**
 * `npm start`: a host in `.pypaas/` beside the project, with a sample app pushed to it. Stays in the
 * foreground until it is told to end, and then ends all that it started.
 */
import { existsSync } from 'node:fs'
import { once } from 'node:events'
import { cp, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { serveLock, startDaemon, stopEverything, type Daemon } from './commands/serve/daemon.ts'
import { printFailure } from './commands/run-request.ts'
import { selfCommand } from './commands/session.ts'
import { problemText } from './config/report.ts'
import type { Context } from './context.ts'
import { PypaasError } from './errors.ts'
import { openContext } from './host.ts'
import { urlsOf } from './nginx/urls.ts'
import { createClient, type Client } from './quickstart/client.ts'
import { fetchPage } from './quickstart/page.ts'
import type { Release } from './release.ts'
import { waitHealthy } from './services/health.ts'
import { replaceFile, temporaryBeside } from './system/files.ts'
import { holderOf, lock } from './system/lock.ts'
import { streamOutput, type Output } from './system/output.ts'
import { shellCommand } from './system/shell.ts'
import { liveRelease } from './system/state.ts'

const REPO = 'hello'
const BRANCH = 'main'
const ROOT = fileURLToPath(new URL('..', import.meta.url))

process.umask(0o022)
const out = streamOutput(process.stdout)
process.exitCode = await quickStart(join(ROOT, '.pypaas'), out).catch((error: unknown) =>
  printFailure(error, streamOutput(process.stderr)),
)

async function quickStart(home: string, output: Output): Promise<number> {
  const ending = new AbortController()
  const end = (): void => ending.abort()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
  await makeHome(home)
  const ctx = await openContext({ home, config: join(home, 'config'), unconfigured: false })
  output.line(`pypaas in ${home}, configured in ${ctx.config.dir}`)
  for (const problem of ctx.config.problems) output.line(problemText(problem))
  await refuseSecond(ctx)

  const self = selfCommand([process.execPath, join(ROOT, 'dist', 'pypaas.js')], { home })
  let daemon: Daemon | undefined
  try {
    daemon = await startDaemon(ctx, { self, watch: output })
    await tryOut(ctx, daemon, output, ending.signal)
    if (!ending.signal.aborted) await once(ending.signal, 'abort')
  } catch (error) {
    // What was cut short by Ctrl-C has not failed.
    if (!ending.signal.aborted) throw error
  } finally {
    output.line('\nStopping the daemon, svscan, nginx and the apps.')
    await daemon?.close()
    await stopAll(ctx)
  }
  return 0
}

/** Unless a daemon of somebody else has come in between. */
async function stopAll(ctx: Context): Promise<void> {
  const options = { what: 'the end of npm start', now: ctx.now(), wait: 0 }
  const held = await lock(serveLock(ctx), options).catch(() => undefined)
  if (held === undefined) return
  await stopEverything(ctx)
  await held.release()
}

/** The home with the configuration of the example, if there is none yet. */
async function makeHome(home: string): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o755 })
  // The nearest package.json says what kind of modules an app's files are: not the one of pypaas.
  await replaceFile(join(home, 'package.json'), '{ "private": true }\n')
  const config = join(home, 'config')
  if (existsSync(config)) return
  const temporary = temporaryBeside(config)
  await rm(temporary, { recursive: true, force: true })
  await cp(join(ROOT, 'config.example'), temporary, { recursive: true })
  await rename(temporary, config)
}

/** @throws PypaasError `busy` if a daemon runs on this home, of which nothing may be touched */
async function refuseSecond(ctx: Context): Promise<void> {
  const path = serveLock(ctx)
  const options = { what: 'npm start', now: ctx.now(), wait: 0 }
  const held = await lock(path, options).catch(async (error: unknown) => {
    if (!(error instanceof PypaasError) || error.code !== 'busy') throw error
    const holder = await holderOf(path)
    const who = holder === undefined ? '' : ` (process ${holder.pid}, since ${holder.since})`
    const stop = shellCommand(['node', join(ROOT, 'dist', 'pypaas.js'), '--home', ctx.paths.home])
    throw new PypaasError('busy', `pypaas runs in ${ctx.paths.home} already${who}`, {
      hint: `end it with Ctrl-C where it was started, or with \`${stop} serve --stop\``,
    })
  })
  await held.release()
}

/** Pushes the sample app, unless something is live from the last time; fetches its page; says how to go on. */
async function tryOut(ctx: Context, daemon: Daemon, output: Output, signal: AbortSignal): Promise<void> {
  if (daemon.ssh === undefined) {
    throw new PypaasError('config', 'the quick start needs the embedded SSH server', {
      where: join(ctx.config.dir, 'pypaas.yml'),
      hint: 'set `ssh: {listen: 127.0.0.1:2222}`',
    })
  }
  const client = await createClient(ctx, daemon.ssh)
  const ref = { repo: REPO, branch: BRANCH }
  const live = await liveRelease(ctx.paths, ref)
  if (live === undefined) {
    output.line(`\n$ git push ${client.remote(REPO)} ${BRANCH}`)
    await client.push(REPO, BRANCH, signal)
  } else {
    output.line(`\n${REPO} is live as it was: release ${live.release} (${live.subject})`)
    await awaitHealthy(ctx, live, output, signal)
  }
  const url = urlsOf(ctx.config, ref)[0]
  if (url !== undefined) await showPage(ctx, url, live === undefined, output)
  sayHow(ctx, client, output)
}

/** svscan starts what was live. That it does not come up is for its owner to see and mend: by a push. */
async function awaitHealthy(ctx: Context, live: Release, output: Output, signal: AbortSignal): Promise<void> {
  try {
    await waitHealthy(ctx, live, { output, signal, url: urlsOf(ctx.config, live)[0] })
  } catch (error) {
    if (signal.aborted || !(error instanceof PypaasError)) throw error
    printFailure(error, output)
  }
}

async function showPage(ctx: Context, url: string, sample: boolean, output: Output): Promise<void> {
  const { status, title } = await fetchPage(ctx, url)
  if (sample && status !== 200) {
    throw new PypaasError('failed', `${url} answers with status ${status}`, {
      hint: `${ctx.paths.logFile('nginx-error.log')} may say why`,
    })
  }
  output.line(`\n${url} answers with status ${status}${title === undefined ? '' : `: ${title}`}`)
}

function sayHow(ctx: Context, client: Client, output: Output): void {
  output.line(`
To push an app of your own in its place (one that \`node server.js\` starts, on the port in $PORT):

    cd your-app
    export GIT_SSH_COMMAND=${shellCommand([client.sshCommand])}
    git push --force ${client.remote(REPO)} HEAD:${BRANCH}

What runs and how is configured in ${join(ctx.config.dir, 'repos', `${REPO}.yml`)}; README.md says more.
Press Ctrl-C to stop everything.`)
}
