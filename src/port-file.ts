/**
 * `ports.yml`: which process of which release has which port. One line a port,
 * each a mapping in JSON, which YAML is a superset of: it is read without a
 * YAML parser, unless pyPaaS or a person has written it.
 */
import { PypaasError } from './errors.ts'
import type { BranchRef } from './paths.ts'
import { readIfThere } from './system/files.ts'

/** Who has a port. */
export interface PortClaim extends BranchRef {
  readonly port: number
  /** Undefined: a claim of pyPaaS, which names neither release nor process but a type of runner. */
  readonly release: string | undefined
  readonly runner: string | undefined
  readonly process: number | undefined
  readonly runnerType: string | undefined
}

export interface PortFile {
  readonly claims: readonly PortClaim[]
  /** Where to look for the next port: one that was freed rests until all others had their turn. */
  readonly next: number | undefined
}

/** The text of `ports.yml`. Pure. */
export function formatPorts({ claims, next }: PortFile): string {
  const lines = claims
    .toSorted((a, b) => a.port - b.port)
    .map(({ port, repo, branch, release, runner, process, runnerType }) => {
      // undefined is left out by JSON.
      const claim = JSON.stringify({ repo, branch, release, runner, process, runner_type: runnerType })
      return `${port}: ${claim}\n`
    })
  return `# Written by pypaas: which process has which port.\n# next: ${next ?? ''}\n${lines.join('') || '{}\n'}`
}

/** @throws PypaasError `failed` if it is no YAML: taken for empty, it would give ports away twice */
export async function readPortFile(path: string): Promise<PortFile> {
  const text = await readIfThere(path)
  if (text === undefined) return { claims: [], next: undefined }
  return parseLines(text) ?? (await parseYaml(text, path))
}

/** The text as {@link formatPorts} writes it. Undefined: somebody else wrote it. */
function parseLines(text: string): PortFile | undefined {
  const claims: PortClaim[] = []
  let next: number | undefined
  for (const line of text.split('\n')) {
    // A name may hold any of Unicode's line separators.
    const [, port, json] = /^(\d+): (\{.*\})$/s.exec(line) ?? []
    if (port !== undefined && json !== undefined) {
      try {
        claims.push(claimOf(Number(port), JSON.parse(json)))
      } catch {
        return undefined
      }
    } else if (line.startsWith('# next: ')) next = Number(line.slice(8)) || undefined
    else if (line !== '' && line !== '{}' && !line.startsWith('#')) return undefined
  }
  return { claims, next }
}

async function parseYaml(text: string, where: string): Promise<PortFile> {
  const { parse } = await import('./system/yaml.ts')
  let document: unknown
  try {
    document = parse(text)
  } catch (cause) {
    throw new PypaasError('failed', 'the list of allocated ports cannot be read', {
      cause,
      where,
      hint: 'correct the file; what is lost from it may be given to a second process',
    })
  }
  const entries = typeof document === 'object' && document !== null ? Object.entries(document) : []
  const claims = entries.flatMap(([port, claim]) =>
    /^\d+$/.test(port) ? [claimOf(Number(port), claim)] : [],
  )
  return { claims: claims.toSorted((a, b) => a.port - b.port), next: undefined }
}

/** An entry of ours, or one of pyPaaS's: `{runner_type, branch, repo}`. Whatever it is, its port is taken. */
function claimOf(port: number, value: unknown): PortClaim {
  const entry = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  const text = (key: string): string | undefined => (typeof entry[key] === 'string' ? entry[key] : undefined)
  return {
    port,
    repo: text('repo') ?? '',
    branch: text('branch') ?? '',
    release: text('release'),
    runner: text('runner'),
    process: typeof entry['process'] === 'number' ? entry['process'] : undefined,
    runnerType: text('runner_type'),
  }
}
