import { statfs } from 'node:fs/promises'
import type { Context } from '../../context.ts'
import { PypaasError } from '../../errors.ts'
import { ensureNginx } from '../../nginx/managed.ts'
import { systemNginxRuns } from '../../nginx/system.ts'
import { ensureHostSvscan, hostSvscanRunning } from '../../services/host-svscan.ts'
import { claimPorts, freePorts } from '../../ports.ts'
import { typeOf } from '../../runners/index.ts'
import type { Deploy } from '../deploy.ts'
import type { Phase } from './phase.ts'

/**
 * What a deploy will need is there, ports included: looked at before the build, which may take minutes. Only for the
 * room on the disk does the checkout wait; it ends when the rest is known.
 */
export const preflight: Phase = {
  async apply(deploy) {
    const { ctx, meanwhile } = deploy
    await checkDisk(ctx)
    meanwhile.begin('preflight', claim(deploy))
    meanwhile.begin('preflight', checkServices(ctx))
    meanwhile.begin('preflight', checkNginx(ctx))
  },
  async undo({ ctx, ref }) {
    await freePorts(ctx, ref)
  },
}

async function claim(deploy: Deploy): Promise<void> {
  const runners = [...deploy.order.branch.runners.values()]
  const needs = runners.map((runner) => ({ runner: runner.name, count: typeOf(runner).portCount(runner) }))
  deploy.ports = await claimPorts(deploy.ctx, deploy.ref, needs)
}

async function checkDisk({ paths, config }: Context): Promise<void> {
  const { bavail, bsize, files, ffree } = await statfs(paths.home)
  const free = bavail * bsize
  const { minFree } = config.main.disk
  if (free < minFree) {
    throw new PypaasError('failed', `only ${mebibytes(free)} are free on the disk of ${paths.home}`, {
      hint: `make room (\`pypaas disk\` shows what takes how much), or lower \`disk: {min_free: …}\` (now ${mebibytes(minFree)})`,
    })
  }
  // Some file systems have no fixed number of inodes and say 0.
  if (files > 0 && ffree < 1000) {
    throw new PypaasError('failed', `only ${ffree} more files fit on the disk of ${paths.home}`, {
      hint: 'it has run out of inodes: remove files that are not needed (`df -i` shows them)',
    })
  }
}

async function checkServices(ctx: Context): Promise<void> {
  if (ctx.config.main.services.mode === 'managed') await ensureHostSvscan(ctx)
  else if (!(await hostSvscanRunning(ctx))) {
    throw new PypaasError(
      'failed',
      `no svscan runs for ${ctx.paths.services}: after a reboot no app would start`,
      {
        hint: 'start the service that runs daemontools-run (systemctl start pypaas-services), or set `services: {mode: managed}`',
      },
    )
  }
}

async function checkNginx(ctx: Context): Promise<void> {
  const { mode } = ctx.config.main.nginx
  if (mode === 'managed') await ensureNginx(ctx)
  if (mode === 'system' && !(await systemNginxRuns())) {
    throw new PypaasError('failed', "the host's nginx is not running", {
      hint: 'start it (systemctl start nginx), or set `nginx: {mode: none}` if nothing is to be served',
    })
  }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`
}
