/** Builds a checkout: every builder that applies, in order, or the `build` hook in their place. */
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { environmentOf, type Target } from '../environment.ts'
import { hasErrno, PypaasError } from '../errors.ts'
import { runHook } from '../hooks.ts'
import { lastLines, tee, type Output } from '../system/output.ts'
import { bower } from './bower.ts'
import { buildSh } from './build-sh.ts'
import type { Builder, BuildJob } from './builder.ts'
import { npm } from './npm.ts'
import { pip } from './pip.ts'
import { wantCopies } from './reuse.ts'
import { setupPy } from './setup-py.ts'
import { separate } from './tree.ts'

/** In the order in which they run. */
export const BUILDERS: readonly Builder[] = [npm, bower, pip, setupPy, buildSh]

export interface BuildOptions {
  readonly signal?: AbortSignal | undefined
  /** Seconds for the whole build. */
  readonly timeout: number
  /** False: dependencies are installed anew, and not kept for other builds. */
  readonly cache: boolean
  /** Default: {@link BUILDERS}. */
  readonly builders?: readonly Builder[]
  /** Waited for before anything is built; not called if there is nothing to build. */
  readonly onBegin?: () => Promise<void>
}

/** How much of a failed build is shown. */
const TAIL = 20

/**
 * Makes a checkout runnable. A cancelled or late build leaves no process behind.
 * @throws PypaasError `failed` with the last lines of what failed, or `cancelled`
 */
export async function buildCheckout(
  ctx: Context,
  target: Target,
  buildHook: readonly string[] | undefined,
  output: Output,
  options: BuildOptions,
): Promise<void> {
  const tail = lastLines(TAIL)
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), options.timeout * 1000)
  // Not AbortSignal.any with AbortSignal.timeout: Node 20 may collect the pair while somebody waits for it.
  const cancel = (): void => late.abort()
  options.signal?.addEventListener('abort', cancel, { once: true })
  if (options.signal?.aborted) cancel()
  const job: BuildJob = {
    ctx,
    target,
    env: buildEnvironment(ctx, target),
    output: tee(output, tail),
    signal: late.signal,
    cache: options.cache,
    shared: { nodeModules: undefined },
  }
  try {
    if (buildHook !== undefined) {
      await options.onBegin?.()
      await runHook(ctx, buildHook, target, job.output, { stage: 'build', signal: late.signal })
    } else {
      let begun = false
      for (const builder of options.builders ?? BUILDERS) {
        if (!(await builder.applies(target))) continue
        if (!begun) await options.onBegin?.()
        begun = true
        await runBuilder(builder, job)
      }
    }
  } catch (error) {
    if (late.signal.aborted && options.signal?.aborted !== true) {
      throw new PypaasError('failed', `the build did not end within ${options.timeout} seconds`, {
        hint: 'make it faster, or raise `builds: {timeout: …}` in pypaas.yml',
        cause: error,
        output: tail.lines,
      })
    }
    throw error
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', cancel)
  }
}

async function runBuilder(builder: Builder, job: BuildJob): Promise<void> {
  const tail = lastLines(200)
  try {
    await builder.build({ ...job, output: tee(job.output, tail) })
  } catch (error) {
    const key = job.shared.nodeModules
    if (key === undefined || !wasRefusedToWrite(error, tail.lines)) throw named(builder, error)
    job.output.line('node_modules: the build writes into its files, so it gets files of its own; once more')
    job.shared.nodeModules = undefined
    await wantCopies(job, key)
    await separate(join(job.target.path, 'node_modules'), job.signal)
    await builder.build(job).catch((again: unknown) => {
      throw named(builder, again)
    })
  }
}

/**
 * Files of a shared tree are read-only. A build that changes them in place, as patches of packages do,
 * works with an install of its own, so it has to work here.
 */
function wasRefusedToWrite(error: unknown, lines: readonly string[]): boolean {
  if (!(error instanceof PypaasError) || error.code !== 'failed') return false
  return lines.some(
    (line) => line.includes('node_modules') && /EACCES|EPERM|permission denied|not permitted/i.test(line),
  )
}

/** The failure with the builder's name; also one of the system's, such as a full disk. */
function named(builder: Builder, error: unknown): unknown {
  if (error instanceof PypaasError) {
    return new PypaasError(error.code, `${builder.name}: ${error.message}`, {
      cause: error,
      output: error.output,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.where === undefined ? {} : { where: error.where }),
    })
  }
  if (!(error instanceof Error && 'syscall' in error)) return error
  const full = hasErrno(error, 'ENOSPC', 'EDQUOT')
  return new PypaasError('failed', `${builder.name}: ${error.message}`, {
    cause: error,
    ...(full ? { hint: 'the disk is full: free some space on this host' } : {}),
  })
}

/** What the branch's `env` does not say itself: quiet tools that ask nothing and share what they download. */
function buildEnvironment(ctx: Context, target: Target): Record<string, string> {
  const defaults: Record<string, string> = {
    npm_config_cache: ctx.paths.downloads('npm'),
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    PIP_CACHE_DIR: ctx.paths.downloads('pip'),
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_NO_INPUT: '1',
  }
  const env = environmentOf(ctx.baseEnv, target)
  // npm reads its variables without regard to case.
  const own = new Set(Object.keys(env).map((name) => name.toLowerCase()))
  const missing = Object.entries(defaults).filter(([name]) => !own.has(name.toLowerCase()))
  return { ...Object.fromEntries(missing), ...env }
}
