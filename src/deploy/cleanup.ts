/** Removes what belongs to no configured branch: services, nginx's files, ports, checkouts, releases. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { nameOfFile } from '../names.ts'
import type { BranchRef } from '../paths.ts'
import { freePorts, portsInUse } from '../ports.ts'
import { legacyServicesOf, stopLegacyServices } from '../services/legacy.ts'
import { delist, removeServices, stopServices } from '../services/tree.ts'
import { clearLive, listDirectory } from '../system/state.ts'
import { lockBranch, type BranchLockOptions } from './branch-lock.ts'
import { releaseIn } from './release-name.ts'
import { routeTraffic } from './route.ts'

/** What of one branch is there and belongs to nothing. */
export interface Leftover extends BranchRef {
  readonly releases: readonly string[]
  readonly checkouts: readonly string[]
  readonly ports: readonly number[]
  readonly legacyServices: readonly string[]
}

/** Looks for leftovers; changes nothing. Bare repositories and deploy logs are nobody's leftover. */
export async function findLeftovers(ctx: Context): Promise<Leftover[]> {
  const { paths, config } = ctx
  const found = new Map<string, BranchRef>()
  const add = (ref: BranchRef): unknown => found.set(JSON.stringify([ref.repo, ref.branch]), ref)
  for (const ref of await branchesBelow(paths.state, 'releases')) add(ref)
  for (const ref of await branchesBelow(paths.checkouts)) add(ref)
  for (const ref of await branchesBelow(paths.servicesReal)) add(ref)
  for (const { repo, branch } of await portsInUse(ctx)) add({ repo, branch })
  const leftovers: Leftover[] = []
  for (const ref of found.values()) {
    if (config.repos.get(ref.repo)?.branches.has(ref.branch) === true) continue
    const leftover = await leftoverOf(ctx, ref)
    const { releases, checkouts, ports, legacyServices } = leftover
    if (releases.length + checkouts.length + ports.length + legacyServices.length > 0)
      leftovers.push(leftover)
  }
  return leftovers
}

async function leftoverOf(ctx: Context, ref: BranchRef): Promise<Leftover> {
  const { repo, branch } = ref
  const inUse = await portsInUse(ctx)
  return {
    repo,
    branch,
    releases: await releasesOnDisk(ctx, ref),
    checkouts: await listDirectory(ctx.paths.checkoutsOf(ref)),
    ports: inUse.filter((use) => use.repo === repo && use.branch === branch).map(({ port }) => port),
    legacyServices: await legacyServicesOf(ctx, ref),
  }
}

/** Removes a leftover; nginx has to have let go of it before ({@link cleanUp} sees to that). */
async function removeLeftover(ctx: Context, leftover: Leftover): Promise<void> {
  const { paths } = ctx
  for (const release of leftover.releases) {
    const ref = { ...leftover, release }
    await delist(ctx, ref)
    await stopServices(ctx, ref)
    await freePorts(ctx, ref)
    await removeServices(ctx, ref)
  }
  await stopLegacyServices(ctx, leftover)
  await freePorts(ctx, leftover)
  await rm(paths.releases(leftover), { recursive: true, force: true })
  await rm(paths.checkoutsOf(leftover), { recursive: true, force: true })
  await rm(paths.servicesRealOf(leftover), { recursive: true, force: true })
}

/**
 * Removes leftovers, each under its branch's lock: a deploy that began while the branch was configured ends first.
 * @returns what was removed
 * @throws PypaasError `busy` when the wait is over
 */
export async function cleanUp(
  ctx: Context,
  leftovers: readonly Leftover[],
  options: BranchLockOptions,
): Promise<Leftover[]> {
  const removed: Leftover[] = []
  for (const { repo, branch } of leftovers) {
    const held = await lockBranch(ctx, { repo, branch }, `cleanup of ${repo} ${branch}`, options)
    try {
      const leftover = await leftoverOf(ctx, { repo, branch })
      // Requests first, then what answers them.
      await clearLive(ctx.paths, leftover)
      await routeTraffic(ctx, options.output)
      await removeLeftover(ctx, leftover)
      removed.push(leftover)
    } finally {
      await held.release()
    }
  }
  await routeTraffic(ctx, options.output)
  return removed
}

/** Branches in `<top>/<repo>/<branch>/<inside>` of which there is something with the name of a release. */
async function branchesBelow(top: string, inside = ''): Promise<BranchRef[]> {
  const refs: BranchRef[] = []
  for (const repoFile of await listDirectory(top)) {
    const repo = nameOfFile(repoFile)
    if (repo === undefined) continue
    for (const branchFile of await listDirectory(join(top, repoFile))) {
      const branch = nameOfFile(branchFile)
      // In `services-real`, services of pyPaaS lie beside the repos.
      const names = await listDirectory(join(top, repoFile, branchFile, inside))
      const isBranch = names.some((name) => releaseIn(name) !== undefined)
      if (branch !== undefined && isBranch) refs.push({ repo, branch })
    }
  }
  return refs
}

async function releasesOnDisk({ paths }: Context, ref: BranchRef): Promise<string[]> {
  const names = [
    ...(await listDirectory(paths.servicesRealOf(ref))),
    ...(await listDirectory(paths.releases(ref))),
  ]
  return [...new Set(names.flatMap((name) => releaseIn(name) ?? []))]
}
