/** Keeps a directory, or a branch with a source, at what a remote is at: once (`-f`, or a branch), or until it is ended. */
import { messageOf, PypaasError } from '../errors.ts'
import { pullBranch } from '../pull/branch.ts'
import { everyTime } from '../pull/loop.ts'
import { pullOnce } from '../pull/pull.ts'
import { clearTrouble } from '../pull/trouble.ts'
import { pullSettings, type PullSettings } from '../pull/settings.ts'
import { tee, type Output } from '../system/output.ts'
import type { Invocation } from './command.ts'
import { branchOf } from './lookup.ts'
import { printFailure } from './run-request.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { ctx, session, args, options, out } = invocation
  const [repo, branch] = args
  if (repo !== undefined && branch !== undefined) return pullNow(invocation, repo, branch)
  if (repo !== undefined) {
    throw new PypaasError('usage', 'it is not said which branch', {
      hint: 'usage: pypaas pull <repo> <branch>',
    })
  }
  const given = (name: string): string | undefined => {
    const value = options[name]
    return typeof value === 'string' ? value : undefined
  }
  const settings = await pullSettings(ctx, {
    config: given('c'),
    cache: given('cache'),
    preHooks: given('preHooks'),
    postHooks: given('postHooks'),
    remote: given('remote'),
    local: given('local'),
  })
  const verbose = options['verbose'] === true
  if (options['fetch'] === true) {
    await pullAndSay(invocation, settings, out, verbose)
    return 0
  }
  const dated = datedOutput(invocation)
  dated.line(`pulling ${settings.remote.shown} to ${settings.local}`)
  await everyTime(
    settings.schedule,
    session.signal,
    () => ctx.now(),
    async () => {
      try {
        await pullAndSay(invocation, settings, dated, verbose)
      } catch (error) {
        // It is tried again at the next time.
        if (!session.signal.aborted) printFailure(error, dated)
        ctx.log.warn({ remote: settings.remote.shown, error: messageOf(error) }, 'a pull has not updated')
      }
    },
  )
  return 0
}

async function pullAndSay(
  { ctx, session }: Invocation,
  settings: PullSettings,
  output: Output,
  verbose: boolean,
): Promise<void> {
  if (verbose) output.line(`looking at ${settings.remote.shown}`)
  const outcome = await pullOnce(ctx, settings, { output, signal: session.signal })
  if (verbose && outcome === 'unchanged') output.line('nothing new')
}

/** The branch's source is looked at now, whatever its schedule says. */
async function pullNow({ ctx, session, out }: Invocation, repo: string, name: string): Promise<number> {
  const branch = branchOf(ctx, repo, name)
  const output = session.watch === undefined ? out : tee(out, session.watch)
  const outcome = await pullBranch(ctx, branch, {
    self: session.self,
    output,
    signal: session.signal,
    again: true,
  })
  if (outcome !== 'waiting') await clearTrouble(ctx, { repo, branch: name })
  if (outcome === 'updated') session.settleLater({ repo, branch: name })
  else out.line('nothing new')
  return 0
}

function datedOutput({ ctx, out }: Invocation): Output {
  return { line: (text) => out.line(`${ctx.now().toISOString()} ${text}`) }
}
