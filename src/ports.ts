/** Which process of which release listens on which port. */
import { createServer, type AddressInfo } from 'node:net'
import type { Context } from './context.ts'
import { hasErrno, PypaasError } from './errors.ts'
import type { BranchRef, ReleaseRef } from './paths.ts'
import { formatPorts, readPortFile, type PortClaim, type PortFile } from './port-file.ts'
import { replaceFile } from './system/files.ts'
import { withLock } from './system/lock.ts'

export interface PortRange {
  readonly min: number
  readonly max: number
}

/** How many ports a runner needs. */
export interface PortNeed {
  readonly runner: string
  readonly count: number
}

/**
 * The first `count` ports of the range that are not taken, beginning at `from`
 * and going round once. Fewer, if there are no more. Pure.
 */
export function allocate(
  taken: ReadonlySet<number>,
  range: PortRange,
  count: number,
  from: number = range.min,
): number[] {
  const size = range.max - range.min + 1
  const start = from >= range.min && from <= range.max ? from - range.min : 0
  const found: number[] = []
  for (let step = 0; step < size && found.length < count; step++) {
    const port = range.min + ((start + step) % size)
    if (!taken.has(port)) found.push(port)
  }
  return found
}

/**
 * Claims ports for the processes of a release; ports that something else on this
 * host listens on are passed over. What the release has claimed before, it keeps.
 * @throws PypaasError `config` if the range has not enough
 */
export async function claimPorts(
  ctx: Context,
  ref: ReleaseRef,
  needs: readonly PortNeed[],
): Promise<Map<string, number[]>> {
  const ports = new Map<string, number[]>(needs.map(({ runner }) => [runner, []]))
  if (needs.every(({ count }) => count === 0)) return ports
  return underLock(ctx, async (file) => {
    const range = ctx.config.main.ports
    const claims = [...file.claims]
    const taken = new Set(claims.map(({ port }) => port))
    const foreign = new Set<number>()
    let { next } = file
    for (const { runner, count } of needs) {
      for (let process = 0; process < count; process++) {
        const kept = claims.find(
          (claim) => isOf(ref)(claim) && claim.runner === runner && claim.process === process,
        )
        const port = kept?.port ?? (await freePort(taken, foreign, range, next))
        if (port === undefined) throw exhausted(range, ref, needs, file.claims, foreign.size)
        ports.get(runner)?.push(port)
        if (kept !== undefined) continue
        const { repo, branch, release } = ref
        claims.push({ port, repo, branch, release, runner, process, runnerType: undefined })
        taken.add(port)
        next = port + 1
      }
    }
    return { file: { claims, next }, result: ports }
  })
}

/** The next port that nobody has claimed and nothing listens on. Those that something listens on go to `foreign`. */
async function freePort(
  taken: Set<number>,
  foreign: Set<number>,
  range: PortRange,
  from: number | undefined,
): Promise<number | undefined> {
  for (;;) {
    const [port] = allocate(taken, range, 1, from)
    if (port === undefined || (await isFree(port))) return port
    taken.add(port)
    foreign.add(port)
  }
}

/** Gives back the ports of a release, or all of a branch. Idempotent. */
export async function freePorts(ctx: Context, ref: ReleaseRef | BranchRef): Promise<void> {
  await free(ctx, isOf(ref))
}

/** The ports that pyPaaS has claimed for a branch. */
export async function legacyPortsOf(ctx: Context, ref: BranchRef): Promise<number[]> {
  return (await portsInUse(ctx)).filter(isLegacyOf(ref)).map(({ port }) => port)
}

/** Gives back the ports that pyPaaS had claimed for a branch. */
export async function freeLegacyPorts(ctx: Context, ref: BranchRef): Promise<void> {
  await free(ctx, isLegacyOf(ref))
}

function isLegacyOf({ repo, branch }: BranchRef): (claim: PortClaim) => boolean {
  const ofBranch = isOf({ repo, branch })
  return (claim) => ofBranch(claim) && claim.release === undefined
}

async function free(ctx: Context, goes: (claim: PortClaim) => boolean): Promise<void> {
  // Without the lock at first: a release without ports has nothing to give back.
  if (!(await portsInUse(ctx)).some(goes)) return
  await underLock(ctx, ({ claims, next }) => {
    const kept = claims.filter((claim) => !goes(claim))
    return Promise.resolve({ file: { claims: kept, next }, result: undefined })
  })
}

/** The ports of a release, in ascending order. */
export async function portsOfRelease(ctx: Context, ref: ReleaseRef): Promise<number[]> {
  return (await portsInUse(ctx)).filter(isOf(ref)).map(({ port }) => port)
}

/** Every claim of a branch, in the order of the ports. */
export async function portsInUse(ctx: Context): Promise<PortClaim[]> {
  return (await readPortFile(ctx.paths.ports)).claims.filter(
    ({ repo, branch }) => repo !== '' && branch !== '',
  )
}

function isOf(ref: ReleaseRef | BranchRef): (claim: PortClaim) => boolean {
  const release = 'release' in ref ? ref.release : undefined
  return (claim) =>
    claim.repo === ref.repo &&
    claim.branch === ref.branch &&
    (release === undefined || claim.release === release)
}

async function underLock<T>(
  ctx: Context,
  work: (file: PortFile) => Promise<{ file: PortFile; result: T }>,
): Promise<T> {
  const options = { what: 'allocating ports', now: ctx.now() }
  return withLock(ctx.paths.runFile('ports.lock'), options, async () => {
    const { file, result } = await work(await readPortFile(ctx.paths.ports))
    await replaceFile(ctx.paths.ports, formatPorts(file))
    return result
  })
}

/** Whether nothing listens on the port at any address: `::` takes those of IPv4 in. */
async function isFree(port: number): Promise<boolean> {
  const any = await canListen(port)
  if (any !== 'IPv4') return any === 'IPv6'
  // Without a host, node takes IPv4 alone where the host has no IPv6, and where somebody else has the port there.
  const six = await canListen(port, '::')
  return six === 'no such address' || six === 'IPv6'
}

type Listening = 'IPv6' | 'IPv4' | 'in use' | 'no such address'

/** Node looks an address up, which takes some milliseconds the first time; it does not without one. */
function canListen(port: number, host?: string): Promise<Listening> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', (error) => {
      resolve(hasErrno(error, 'EAFNOSUPPORT', 'EADDRNOTAVAIL') ? 'no such address' : 'in use')
    })
    server.listen({ port, exclusive: true, ...(host === undefined ? {} : { host }) }, () => {
      const { family } = server.address() as AddressInfo
      server.close(() => resolve(family === 'IPv6' ? 'IPv6' : 'IPv4'))
    })
  })
}

function exhausted(
  range: PortRange,
  ref: BranchRef,
  needs: readonly PortNeed[],
  claims: readonly PortClaim[],
  foreign: number,
): PypaasError {
  const needed = needs.reduce((sum, { count }) => sum + count, 0)
  const size = range.max - range.min + 1
  const claimed = claims.filter(({ port }) => port >= range.min && port <= range.max).length
  return new PypaasError(
    'config',
    `no ports left for ${ref.repo} ${ref.branch}, which needs ${needed}: of the ${size} from ${range.min} to ` +
      `${range.max}, ${claimed} are claimed and ${foreign} used by other programs`,
    { hint: 'widen `ports` in pypaas.yml, or remove with `pypaas cleanup` what is no longer configured' },
  )
}
