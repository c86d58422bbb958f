/** The `after_deploy` hook, behind the end of the former release, as part of the push's output. */
import { messageOf, PypaasError } from '../errors.ts'
import { runHook } from '../hooks.ts'
import { marked } from './build-processes.ts'
import type { Deploy } from './deploy.ts'
import { retire } from './retire.ts'

/** Waits for the former release to end, then runs the hook. Its failure changes nothing any more, and is told. */
export async function runAfterDeploy({ ctx, ref, order, target, report }: Deploy): Promise<void> {
  try {
    await report.step('Letting the former release finish its requests', () => retire(ctx, ref, report))
    await report.step('Running the after_deploy hook', () =>
      runHook(marked(ctx, ref), order.branch.hooks.after_deploy, target, report, {
        stage: 'after_deploy',
        timeout: ctx.config.main.builds.timeout,
      }),
    )
  } catch (error) {
    report.failure(
      'after_deploy',
      error instanceof PypaasError ? error : new PypaasError('failed', messageOf(error)),
    )
    report.warning('The new release is live all the same.')
  }
}
