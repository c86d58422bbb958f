/** Hooks: the operator's commands at a stage of a deploy. */
import type { HookStage } from './config/types.ts'
import type { Context } from './context.ts'
import { environmentOf, type Target } from './environment.ts'
import { PypaasError } from './errors.ts'
import type { Output } from './system/output.ts'
import { stream } from './system/run.ts'

export interface HookOptions {
  /** For the messages. */
  readonly stage: HookStage
  readonly signal?: AbortSignal | undefined
  /** Seconds for all commands together. */
  readonly timeout?: number | undefined
}

/**
 * Runs a stage's commands one after the other, each by `sh -c` in the checkout. The first failure stops.
 * @throws PypaasError that names the stage and the command, with the command's last lines
 */
export async function runHook(
  ctx: Context,
  commands: readonly string[] | undefined,
  target: Target,
  output: Output,
  options: HookOptions,
): Promise<void> {
  const end = options.timeout === undefined ? undefined : performance.now() + options.timeout * 1000
  const env = environmentOf(ctx.baseEnv, target)
  for (const command of commands ?? []) {
    for (const line of echoed(command)) output.line(line)
    // Never zero: a timeout of 0 has passed, it is not "none".
    const timeout = end === undefined ? undefined : Math.max(0.001, (end - performance.now()) / 1000)
    try {
      await stream(['sh', '-c', command], output, {
        cwd: target.path,
        env,
        signal: options.signal,
        timeout,
        // Only during a build does anything else of the branch run.
        background: options.stage !== 'maintenance',
      })
    } catch (error) {
      throw ofStage(options, end, error)
    }
  }
}

function ofStage({ stage, timeout }: HookOptions, end: number | undefined, error: unknown): unknown {
  if (!(error instanceof PypaasError)) return error
  const late = error.code === 'failed' && end !== undefined && performance.now() >= end
  const message = late ? `its commands did not end within ${timeout} seconds` : error.message
  return new PypaasError(error.code, `hook ${stage}: ${message}`, {
    cause: error,
    output: error.output,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  })
}

/** A command as the output shows it: the way a shell with a prompt would. */
export function echoed(command: string): string[] {
  return command
    .trimEnd()
    .split('\n')
    .map((line, index) => `${index === 0 ? '$' : '>'} ${line}`)
}
