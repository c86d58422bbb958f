import { rm } from 'node:fs/promises'
import { createCheckout } from '../../git/checkout.ts'
import type { Phase } from './phase.ts'

/** The files of the commit, in a directory named like the release. */
export const checkout: Phase = {
  heading: ({ order }) => `Checking out ${order.commit.slice(0, 11)}`,
  async apply({ ctx, ref, order, report, signal, target }) {
    await createCheckout(ctx, ctx.paths.repo(ref.repo), order.commit, target.path, { output: report, signal })
  },
  async undo({ ctx, ref, kind }) {
    if (kind === 'restart') return
    const path = ctx.paths.checkout(ref, ref.release)
    await rm(path, { recursive: true, force: true })
    await rm(`${path}.index`, { force: true })
  },
}
