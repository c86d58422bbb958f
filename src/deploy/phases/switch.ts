import { PypaasError } from '../../errors.ts'
import { leaveMaintenance } from '../../maintenance.ts'
import { lock } from '../../system/lock.ts'
import { clearLive, setLive } from '../../system/state.ts'
import { stageTraffic } from '../route.ts'
import type { Phase } from './phase.ts'

/** nginx's files as they will be with the new release, tested but not in force. */
export const nginx: Phase = {
  async apply(deploy) {
    const { ctx, ref, release, report, signal } = deploy
    if (release === undefined) return
    await deploy.meanwhile.done()
    deploy.nginxLock = await lock(ctx.paths.runFile('nginx.lock'), {
      what: `deploy of ${ref.repo} ${ref.branch}`,
      now: ctx.now(),
      signal,
    })
    const staged = await stageTraffic(ctx, { ref, release })
    deploy.staged = staged
    for (const blocked of staged.blocked) {
      const ours = blocked.refs.some(({ repo, branch }) => repo === ref.repo && branch === ref.branch)
      if (ours) {
        throw new PypaasError('failed', `nginx refuses the domain ${blocked.domain}: ${blocked.reason}`, {
          hint: `correct domains/${blocked.domain}.yml on the host, then push again`,
        })
      }
      report.warning(`nginx refuses the domain ${blocked.domain}, which stays as it was: ${blocked.reason}`)
    }
  },
  async undo(deploy) {
    await deploy.staged?.discard()
    deploy.staged = undefined
    await deploy.nginxLock?.release()
    deploy.nginxLock = undefined
  },
}

/** SWITCH: one rename makes the release the live one; nginx follows at once. */
export const switchPhase: Phase = {
  async apply(deploy) {
    const { ctx, ref, former } = deploy
    try {
      await setLive(ctx.paths, ref)
      await deploy.staged?.activate()
    } catch (error) {
      // nginx still routes to the former release (a reload that its master refused), so that one stays live.
      await (former === undefined ? clearLive(ctx.paths, ref) : setLive(ctx.paths, former))
      throw error
    }
    await leaveMaintenance(ctx, ref)
    await deploy.nginxLock?.release()
    deploy.nginxLock = undefined
  },
}
