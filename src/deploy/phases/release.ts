import { claimPorts, freePorts } from '../../ports.ts'
import type { Release } from '../../release.ts'
import { typeOf } from '../../runners/index.ts'
import { removeRelease, writeRelease } from '../../system/state.ts'
import type { Phase } from './phase.ts'

/** The snapshot that the release runs with, its ports included. */
export const release: Phase = {
  async apply(deploy) {
    const { ctx, ref, order } = deploy
    const runners = [...order.branch.runners.values()]
    const needs = runners.map((runner) => ({ runner: runner.name, count: typeOf(runner).portCount(runner) }))
    const ports = await claimPorts(ctx, ref, needs)
    const made: Release = {
      ...ref,
      ...(order.built?.origin === undefined ? {} : { origin: order.built.origin }),
      checkout: deploy.checkout,
      commit: order.commit,
      subject: order.subject,
      by: order.by,
      created: ctx.now().toISOString(),
      env: order.branch.env,
      runners: runners.map((runner) => ({ ...runner, ports: ports.get(runner.name) ?? [] })),
    }
    deploy.meanwhile.begin(writeRelease(ctx.paths, made))
    deploy.release = made
  },
  async undo({ ctx, ref }) {
    await removeRelease(ctx.paths, ref)
    await freePorts(ctx, ref)
  },
}
