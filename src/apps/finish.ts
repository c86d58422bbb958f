/** What is left to do once a version is live: its hook `deployed`, and to note that nothing is left. */
import { PypaasError } from '../errors.ts'
import { endMarked } from '../system/marked.ts'
import { runAppHooks, type Version } from './app-hooks.ts'
import { markedFor, markOf, type Install } from './install.ts'
import { clearPending } from './records.ts'

/**
 * Nothing cancels it, and its failure changes nothing any more.
 * @throws PypaasError if the hook failed
 */
export async function finish(install: Install, version: Version): Promise<void> {
  const { ctx, app, output } = install
  try {
    await runAppHooks(markedFor(install), version, 'deployed', { output })
  } catch (error) {
    await clearPending(ctx.paths, app)
    if (!(error instanceof PypaasError)) throw error
    throw new PypaasError('failed', error.message, {
      cause: error,
      output: error.output,
      hint: `${app.app} ${version.version} is live all the same; \`deploy ${app.app} --rollback\` goes back`,
    })
  }
  await clearPending(ctx.paths, app)
}

/** Ends what hooks of a killed deploy have left running. */
export async function endHooks(install: Install): Promise<void> {
  await endMarked(markOf(install))
}
