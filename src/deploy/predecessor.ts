/**
 * What pyPaaS still runs of a branch on a host that was taken over: until the branch's first SWITCH, nginx has
 * to go on routing to it. pyPaaS kept no snapshot, so that one is made up from what it left.
 */
import type { BranchConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import type { BranchRef } from '../paths.ts'
import type { PortClaim } from '../port-file.ts'
import { portsInUse } from '../ports.ts'
import type { Release } from '../release.ts'
import { readIfThere, readLinkIfThere } from '../system/files.ts'
import { listDirectory } from '../system/state.ts'

export interface Predecessor {
  readonly release: Release
  /** The checkout itself: pyPaaS has no link to the live one. */
  readonly root: string
}

/** Undefined: pyPaaS runs nothing of the branch. */
export async function predecessorOf(ctx: Context, branch: BranchConfig): Promise<Predecessor | undefined> {
  const ref: BranchRef = { repo: branch.repo, branch: branch.branch }
  const { paths } = ctx
  const path = paths.currentCheckout(ref)
  if ((await readLinkIfThere(path)) !== undefined) return undefined
  const name = (await readIfThere(path))?.trim()
  if (name === undefined || name === '') return undefined
  // The file may hold the time alone, and the directory have the commit behind it.
  const checkout = (await listDirectory(paths.checkoutsOf(ref))).find(
    (entry) => entry === name || entry.startsWith(`${name}-`),
  )
  if (checkout === undefined) return undefined
  const claims = (await portsInUse(ctx)).filter(({ repo, branch: of, release }) => {
    return release === undefined && repo === ref.repo && of === ref.branch
  })
  return {
    release: madeUp(branch, checkout, claims, ctx.now()),
    root: paths.checkout(ref, checkout),
  }
}

/**
 * The release that pyPaaS would have written down. Pure. Its ports name only the type of a runner: of two runners
 * of one type, the ports are dealt out in the order of the configuration, as many as each has processes.
 */
export function madeUp(
  { repo, branch, env, runners }: BranchConfig,
  checkout: string,
  claims: readonly PortClaim[],
  now: Date,
): Release {
  const left = new Map<string, number[]>()
  for (const { port, runnerType = '' } of claims)
    left.set(runnerType, [...(left.get(runnerType) ?? []), port])
  return {
    repo,
    branch,
    release: checkout,
    checkout,
    commit: checkout.slice(checkout.indexOf('-') + 1),
    subject: 'deployed by pyPaaS',
    by: 'pyPaaS',
    created: now.toISOString(),
    env,
    runners: [...runners.values()].map((runner) => {
      const wanted =
        runner.type === 'NginxBackend' || runner.type === 'UwsgiNginxBackend' ? runner.processCount : 0
      return { ...runner, ports: left.get(runner.type)?.splice(0, wanted) ?? [] }
    }),
  }
}
