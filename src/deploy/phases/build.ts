import { buildCheckout } from '../../build/index.ts'
import type { Context } from '../../context.ts'
import { runHook } from '../../hooks.ts'
import { withoutTrace } from '../build-processes.ts'
import { takeBuildSlot } from '../build-slot.ts'
import type { Lock } from '../../system/lock.ts'
import type { Phase } from './phase.ts'

/** The builders, or the `build` hook in their place; for what was built elsewhere, what makes it fit for this host. */
export const build: Phase = {
  heading: ({ order }) => (order.tree?.built === true ? 'Preparing' : 'Building'),
  async apply({ ctx, ref, order, report, signal, target }) {
    const { tree } = order
    if (tree?.built === true) {
      await withoutTrace(ctx, ref, report, async (inside) => tree.prepare?.(inside, target, report, signal))
      return
    }
    let slot: Lock | undefined
    const buildIn = (inside: Context): Promise<void> =>
      buildCheckout(inside, target, order.branch.hooks.build, report, {
        signal,
        timeout: ctx.config.main.builds.timeout,
        cache: order.noCache !== true,
        async onBegin() {
          slot = await takeBuildSlot(ctx, `build of ${ref.repo} ${ref.branch}`, report, signal)
        },
      })
    try {
      await withoutTrace(ctx, ref, report, buildIn, () => slot !== undefined)
    } finally {
      await slot?.release()
    }
  },
}

/** The operator's commands before and after the builders. */
export function hookPhase(stage: 'before_build' | 'after_build'): Phase {
  return {
    heading: () => `Running the ${stage} hook`,
    async apply({ ctx, ref, order, report, signal, target }) {
      await withoutTrace(ctx, ref, report, (inside) =>
        runHook(inside, order.branch.hooks[stage], target, report, {
          stage,
          signal,
          timeout: ctx.config.main.builds.timeout,
        }),
      )
    },
  }
}
