import type { Release } from '../../release.ts'
import { sourceOf } from '../deploy.ts'
import type { Phase } from './phase.ts'

/** The snapshot that the release runs with, its ports included; written when its processes have been started. */
export const release: Phase = {
  async apply(deploy) {
    const { ctx, ref, order, meanwhile } = deploy
    await meanwhile.done()
    const { ports } = deploy
    const source = sourceOf(order)
    const made: Release = {
      ...ref,
      ...(order.built?.origin === undefined ? {} : { origin: order.built.origin }),
      checkout: deploy.checkout,
      commit: order.commit,
      subject: order.subject,
      ...(source === undefined ? {} : { source }),
      by: order.by,
      created: ctx.now().toISOString(),
      env: order.branch.env,
      runners: [...order.branch.runners.values()].map((runner) => ({
        ...runner,
        ports: ports.get(runner.name) ?? [],
      })),
    }
    deploy.release = made
  },
}
