/** SWITCH in nginx's memory alone, for a deploy that changes no file of nginx: nothing is tested, nothing reloaded. */
import type { Context } from '../context.ts'
import type { Staged } from './apply.ts'
import { holds, readBasis } from './basis.ts'
import { isServing, switchPorts } from './control.ts'
import { setPorts } from './dictionary.ts'
import { hostFacts } from './facts.ts'
import { readSeed, stageSeed } from './seed.ts'
import { portMapOf, upstreamsOf, type LiveBranch } from './upstreams.ts'

/** Stages the ports of a branch. Undefined: files may have to change too. The caller holds `nginx.lock`. */
export async function stagePorts(ctx: Context, branch: LiveBranch): Promise<Staged | undefined> {
  const { mode, switch: wanted } = ctx.config.main.nginx
  if (mode === 'none' || wanted === 'reload') return undefined
  const basis = await readBasis(ctx)
  if (basis === undefined || !(await isServing(ctx))) return undefined
  const facts = await hostFacts(ctx)
  if (facts.switching.kind !== 'lua' || !holds(basis, ctx.config, branch, facts)) return undefined
  const former = await readSeed(ctx)
  const ports = portMapOf([upstreamsOf(branch, true)])
  // A seed that lacks one of them is not the one of these files.
  if ([...ports.keys()].some((name) => !former.has(name))) return undefined
  const seed = await stageSeed(ctx, new Map([...former, ...ports]), former)
  return {
    changed: seed.changed,
    blocked: [],
    activate: () =>
      ports.size === 0
        ? Promise.resolve({ oldWorkers: [] })
        : switchPorts(ctx, seed, () => setPorts(ctx, ports, 'kept')),
    discard: () => seed.discard(),
  }
}
