import { buildCheckout } from '../../build/index.ts'
import { runHook } from '../../hooks.ts'
import type { Phase } from './phase.ts'

/** The builders, or the `build` hook in their place. */
export const build: Phase = {
  heading: () => 'Building',
  async apply({ ctx, order, report, signal, target }) {
    await buildCheckout(ctx, target, order.branch.hooks.build, report, {
      signal,
      timeout: ctx.config.main.builds.timeout,
      cache: true,
    })
  },
}

/** The operator's commands before and after the builders. */
export function hookPhase(stage: 'before_build' | 'after_build'): Phase {
  return {
    heading: () => `Running the ${stage} hook`,
    async apply({ ctx, order, report, signal, target }) {
      await runHook(ctx, order.branch.hooks[stage], target, report, {
        stage,
        signal,
        timeout: ctx.config.main.builds.timeout,
      })
    },
  }
}
