/** One deploy of an app: what it is about. */
import type { BranchConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import { BUILD_MARK } from '../environment.ts'
import type { AppRef } from '../paths.ts'
import type { Output } from '../system/output.ts'
import type { HookRun, Version } from './app-hooks.ts'

/** Held together by the app's lock. */
export interface Install {
  readonly ctx: Context
  readonly app: AppRef
  /** Of the repo of the app's name, if one is configured: then the version goes live through its runners. */
  readonly branch: BranchConfig | undefined
  readonly by: string
  readonly output: Output
  /** Cancels until the version is live. */
  readonly signal: AbortSignal
  /** Seconds to wait for another change of the branch; undefined: until it ends. */
  readonly wait?: number | undefined
}

/** The mark of the processes that the deploys of an app start themselves: by it they are found after a crash. */
export function markOf({ ctx, app }: Pick<Install, 'ctx' | 'app'>): string {
  return ctx.paths.app(app).root
}

/** The context with the mark in its environment. */
export function markedFor(install: Install): Context {
  const { ctx } = install
  return { ...ctx, baseEnv: { ...ctx.baseEnv, [BUILD_MARK]: markOf(install) } }
}

/** A version in a directory, with what its hooks and templates may know. */
export function versionAt(
  { ctx, app, branch }: Pick<Install, 'ctx' | 'app' | 'branch'>,
  version: string,
  { path, commit }: { readonly path: string; readonly commit: string },
): Version {
  return {
    app,
    version,
    target: { path, commit, env: branch?.env ?? {} },
    values: ctx.config.main.apps.get(app.app)?.values ?? {},
  }
}

/** What `prepare` runs with. */
export function runOf({ output, signal }: Install): HookRun & { readonly signal: AbortSignal } {
  return { output, signal }
}
