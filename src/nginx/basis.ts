/**
 * What nginx's files in force were made of: settings, facts, and of each branch what the files hold of it. A
 * deploy that changes none of this changes no file, and need not make them all to know it.
 */
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Config } from '../config/types.ts'
import type { Context } from '../context.ts'
import { joinNames } from '../names.ts'
import type { BranchRef } from '../paths.ts'
import { readIfThere, replaceFile } from '../system/files.ts'
import { templatePath } from '../templates.ts'
import type { HostFacts } from './facts.ts'
import { loadedSet, setInForce } from './sets.ts'
import { switchPaths } from './switching.ts'
import { TEMPLATE_FILES } from './templates.ts'
import { digest, shapeOf, type LiveBranch } from './upstreams.ts'

export interface Basis {
  /** Of everything that is not about one branch. */
  readonly settings: string
  /** What the files hold of each branch, by its names. */
  readonly branches: Readonly<Record<string, string>>
}

/** The basis of files that are made of these. */
export function basisOf(config: Config, live: readonly LiveBranch[], facts: HostFacts): Basis {
  return {
    settings: settingsOf(config, facts),
    branches: Object.fromEntries(live.map((branch) => [keyOf(branch.ref), shapeOf(branch)])),
  }
}

/** Whether files of this basis are the right ones for the branch as it is, under the settings as they are. */
export function holds(basis: Basis, config: Config, branch: LiveBranch, facts: HostFacts): boolean {
  return basis.branches[keyOf(branch.ref)] === shapeOf(branch) && basis.settings === settingsOf(config, facts)
}

/** The basis of the set that is in force and that nginx has loaded. Undefined: not known. */
export async function readBasis(ctx: Context): Promise<Basis | undefined> {
  const text = await readIfThere(switchPaths(ctx.paths).basis)
  if (text === undefined) return undefined
  const set = await setInForce(ctx.paths)
  if (set === undefined || (await loadedSet(ctx.paths)) !== set) return undefined
  try {
    const known = JSON.parse(text) as Basis & { set: string }
    return known.set === set ? known : undefined
  } catch {
    return undefined
  }
}

/** Notes that the set in force is of this basis. */
export async function writeBasis(ctx: Context, basis: Basis): Promise<void> {
  const text = JSON.stringify({ set: await setInForce(ctx.paths), ...basis })
  const { basis: file } = switchPaths(ctx.paths)
  if ((await readIfThere(file)) !== text) await replaceFile(file, text, 0o600)
}

function keyOf({ repo, branch }: BranchRef): string {
  return joinNames(repo, branch)
}

function settingsOf({ main, repos, domains, problems }: Config, facts: HostFacts): string {
  return digest({
    nginx: main.nginx,
    sslConfig: main.sslConfig,
    drainTimeout: main.drainTimeout,
    branches: [...repos.values()].map(({ name, branches }) => [name, [...branches.keys()]]),
    domains: [...domains.values()],
    problems: problems.map(({ file, disables }) => [file, disables]),
    facts: { ...facts, chains: [...facts.chains] },
    program: programStamp(),
  })
}

/** Changes with an update of pypaas, which may make other files of the same. */
function programStamp(): string[] {
  const files = [fileURLToPath(import.meta.url), ...TEMPLATE_FILES.map(templatePath)]
  return files.map((file) => {
    // A daemon that outlives an update runs what is not on the disk any more.
    const stats = statSync(file, { throwIfNoEntry: false })
    return stats === undefined ? 'gone' : `${stats.mtimeMs} ${stats.size} ${stats.ino}`
  })
}
