/**
 * The daemon behind `serve`: the embedded SSH server, and, where they are managed, svscan and nginx kept
 * running. They and the apps outlive it: the next daemon finds them and goes on.
 */
import { setMaxListeners } from 'node:events'
import { runSshCommand } from '../run-ssh-command.ts'
import { pollSources } from './polling.ts'
import { preload } from './preload.ts'
import { afterDeploy } from '../after-deploy.ts'
import type { Session } from '../command.ts'
import { stampOf } from '../../config/sources.ts'
import type { Context } from '../../context.ts'
import { branchesWithLostMoves } from '../../deploy/moves.ts'
import { agreeWithLive, recoverBranch } from '../../deploy/recover.ts'
import { routeTraffic } from '../../deploy/route.ts'
import { listUnfinished } from '../../deploy/unfinished.ts'
import { messageOf, PypaasError } from '../../errors.ts'
import { openContext } from '../../host.ts'
import { ensureNginx, nginxRunning, stopNginx } from '../../nginx/managed.ts'
import type { BranchRef, ReleaseRef } from '../../paths.ts'
import { clearKilledPulls } from '../../pull/begun.ts'
import { ensureHostSvscan, stopHostSvscan } from '../../services/host-svscan.ts'
import { startedReleases, stopServices } from '../../services/tree.ts'
import { watchedKeys } from '../../ssh/keys.ts'
import type { SshServer } from '../../ssh/server.ts'
import type { SshSession } from '../../ssh/session.ts'
import { exposedKeys } from '../../store/exposed.ts'
import { lock } from '../../system/lock.ts'
import type { Output } from '../../system/output.ts'
import { listBranches } from '../../system/state.ts'

/** Seconds that work in the background gets to see that everything has been stopped. */
const SETTLE_TIMEOUT = 20
/** Milliseconds between two looks at whether svscan and nginx still run. */
const LOOK = 2000

export interface Daemon {
  /** Where the embedded SSH server listens, if it does. */
  readonly ssh: { readonly host: string; readonly port: number; readonly hostKey: string } | undefined
  /** Ends the daemon, and nothing else. */
  close(): Promise<void>
}

export interface DaemonOptions {
  /** argv that starts pypaas on this home. */
  readonly self: readonly string[]
  /** Gets the output of every deploy that comes through the embedded SSH server. */
  readonly watch?: Output
}

/**
 * Starts the daemon.
 * @throws PypaasError `busy` if one runs on this home already, `failed` if an address is taken
 */
export async function startDaemon(ctx: Context, options: DaemonOptions): Promise<Daemon> {
  const held = await lock(serveLock(ctx), { what: 'pypaas serve', now: ctx.now(), wait: 0 }).catch(
    (error: unknown) => {
      if (!(error instanceof PypaasError) || error.code !== 'busy') throw error
      throw new PypaasError('busy', `another \`pypaas serve\` runs on ${ctx.paths.home}: ${error.message}`, {
        hint: '`pypaas serve --stop` ends it',
      })
    },
  )
  // What it leaves undone, the next command or daemon does.
  const closing = new AbortController()
  // Every branch that is being settled listens to it.
  setMaxListeners(0, closing.signal)
  const background = new Set<Promise<void>>()
  const later = (what: string, work: () => Promise<unknown>): void => {
    const running = work()
      .catch((error: unknown) =>
        ctx.log.error({ what, error: messageOf(error) }, 'work in the background failed'),
      )
      .then(() => void background.delete(running))
    background.add(running)
  }
  try {
    await preload()
    await recoverAll(ctx, (ref) => later('settle', () => afterDeploy(ctx, ref, closing.signal)))
    await clearKilledPulls(ctx)
    await keepRunning(ctx)
    await routeTraffic(ctx, warnings(ctx))
    for (const advice of await exposedKeys(ctx)) ctx.log.warn({}, advice)
    const present = sharedContexts(ctx)
    const settleLater = (ref: BranchRef): void =>
      later('settle', async () => afterDeploy(await present(), ref, closing.signal))
    const ssh = await startSsh(ctx, options, settleLater)
    later('look at sources', () =>
      pollSources({
        reopen: present,
        self: options.self,
        settleLater,
        watch: options.watch,
        signal: closing.signal,
      }),
    )
    let looking = false
    const timer = setInterval(() => {
      if (looking) return
      looking = true
      later('look after svscan and nginx', async () => {
        await keepRunning(ctx).finally(() => {
          looking = false
        })
      })
    }, LOOK)
    return {
      ssh: ssh === undefined ? undefined : { ...ssh.address, hostKey: ssh.hostKey },
      async close() {
        clearInterval(timer)
        closing.abort()
        await ssh?.close()
        await Promise.all(background)
        await held.release()
      },
    }
  } catch (error) {
    await held.release()
    throw error
  }
}

/** Ends everything that a managed host runs: svscan, the apps, nginx. What is live stays known. */
export async function stopEverything(ctx: Context): Promise<void> {
  if (ctx.config.main.services.mode === 'managed') await stopHostSvscan(ctx)
  await Promise.all((await allReleases(ctx)).map((release) => stopServices(ctx, release)))
  if (ctx.config.main.nginx.mode === 'managed') await stopNginx(ctx)
  // Those that watched a release or waited for requests to end see that all has ended.
  for (const note of await listUnfinished(ctx.paths)) {
    const options = { what: 'pypaas serve --stop', now: ctx.now(), wait: SETTLE_TIMEOUT }
    const held = await lock(ctx.paths.settleLock(note), options)
    await held.release()
  }
}

/** The lock that a running daemon holds. */
export function serveLock(ctx: Context): string {
  return ctx.paths.runFile('serve.lock')
}

async function keepRunning(ctx: Context): Promise<void> {
  const { services, nginx } = ctx.config.main
  if (services.mode === 'managed' && (await ensureHostSvscan(ctx)) === 'started') {
    ctx.log.info({}, 'started svscan')
  }
  if (nginx.mode !== 'managed' || (await nginxRunning(ctx)) !== undefined) return
  // A set that passed its test once need not pass it now (a certificate that has gone): staged anew, it is tested.
  const now = await reopened(ctx)
  await routeTraffic(now, warnings(ctx))
  if ((await ensureNginx(now)) === 'started') ctx.log.info({}, 'started nginx')
}

function warnings(ctx: Context): Output {
  return { line: (text) => ctx.log.warn({}, text) }
}

/**
 * Opens contexts for work in the background. Those of the same configuration are one: each holds that of all
 * branches for as long as a release is watched, which adds up when hundreds are deployed in a row.
 */
function sharedContexts(ctx: Context): () => Promise<Context> {
  let shared: Context | undefined
  let known: string | undefined
  return async () => {
    const stamp = stampOf(ctx.config.dir)
    if (shared !== undefined && stamp !== undefined && stamp === known) return shared
    const opened = await reopened(ctx)
    shared = opened
    known = stamp
    return opened
  }
}

/** The context with the configuration as it is by now. */
function reopened(ctx: Context): Promise<Context> {
  return openContext({ home: ctx.paths.home, config: ctx.config.dir, log: ctx.log, unconfigured: false })
}

/** Deploys that were cut short are finished or undone; a branch that is being deployed right now is left alone. */
async function recoverAll(ctx: Context, settleLater: (ref: BranchRef) => void): Promise<void> {
  // The second may have no state yet.
  for (const ref of [...(await listBranches(ctx.paths)), ...(await branchesWithLostMoves(ctx))]) {
    try {
      const held = await lock(ctx.paths.branchLock(ref), { what: 'recovery', now: ctx.now(), wait: 0 })
      try {
        await recoverBranch(ctx, ref)
        await agreeWithLive(ctx, ref)
      } finally {
        await held.release()
      }
    } catch (error) {
      if (error instanceof PypaasError && error.code === 'busy') continue
      ctx.log.error({ ...ref, error: messageOf(error) }, 'a branch could not be recovered')
    }
    settleLater(ref)
  }
}

async function startSsh(
  ctx: Context,
  { self, watch }: DaemonOptions,
  settleLater: (ref: BranchRef) => void,
): Promise<SshServer | undefined> {
  const { ssh } = ctx.config.main
  if (ssh === undefined) return undefined
  const { startSshServer } = await import('../../ssh/server.ts')
  const host = { home: ctx.paths.home, config: ctx.config.dir, log: ctx.log }
  return startSshServer({
    listen: ssh.listen,
    hostKeyFile: ctx.paths.runFile('ssh_host_ed25519_key'),
    keys: watchedKeys(ctx.paths),
    log: ctx.log,
    handle: ({ command, key, ...channel }: SshSession) => {
      const session: Session = {
        ...channel,
        via: 'ssh',
        who: key,
        inherit: false,
        self,
        settleLater,
        ...(watch === undefined ? {} : { watch }),
      }
      return runSshCommand(command ?? '', session, host)
    },
  })
}

async function allReleases(ctx: Context): Promise<ReleaseRef[]> {
  const found: ReleaseRef[] = []
  for (const ref of await listBranches(ctx.paths)) {
    for (const release of await startedReleases(ctx, ref)) found.push({ ...ref, release })
  }
  return found
}
