import { rm } from 'node:fs/promises'
import { createCheckout } from '../../git/checkout.ts'
import { endBuild, marked } from '../build-processes.ts'
import type { Phase } from './phase.ts'

/** The files of the commit, in a directory named like the release. */
export const checkout: Phase = {
  heading: ({ order }) => `Checking out ${order.commit.slice(0, 11)}`,
  async apply({ ctx, ref, order, report, signal, target }) {
    const repository = ctx.paths.repo(ref.repo)
    await createCheckout(marked(ctx, ref), repository, order.commit, target.path, { output: report, signal })
  },
  async undo({ ctx, ref, builds }) {
    if (!builds) return
    await endBuild(ctx, ref)
    const path = ctx.paths.checkout(ref, ref.release)
    await rm(path, { recursive: true, force: true })
    await rm(`${path}.index`, { force: true })
    await rm(`${path}.index.lock`, { force: true })
  },
}
