import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createCheckout } from '../../git/checkout.ts'
import { endBuild, marked } from '../build-processes.ts'
import type { Phase } from './phase.ts'

/** The files of the commit, or those that came from elsewhere, in a directory named like the release. */
export const checkout: Phase = {
  heading: ({ order }) =>
    order.tree === undefined
      ? `Checking out ${order.commit.slice(0, 11)}`
      : `Taking the files of ${order.tree.source}`,
  async apply({ ctx, ref, order, report, signal, target, meanwhile }) {
    if (order.tree === undefined) {
      const repository = ctx.paths.repo(ref.repo)
      await createCheckout(marked(ctx, ref), repository, order.commit, target.path, {
        output: report,
        signal,
      })
    } else {
      await mkdir(dirname(target.path), { recursive: true })
      await rename(order.tree.path, target.path)
    }
    // Nothing is built that could not run.
    await meanwhile.done()
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
