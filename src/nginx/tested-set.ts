/** A set of nginx's files that nginx takes: what it refuses of single domains or branches is left as it was. */
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import type { BranchRef } from '../paths.ts'
import { testSet } from './control.ts'
import { complaintOf, mistakesOf, type Mistake } from './mistake.ts'
import { SHARED_FILE, type NginxFile } from './render.ts'
import { removeSet, setDirectory, writeSet, type StoredSet } from './sets.ts'

/** A domain that nginx refuses: it stays as it was, or is left out if there was nothing. */
export interface Blocked {
  readonly domain: string
  /** The branches of its locations. */
  readonly refs: readonly BranchRef[]
  /** nginx's words, and the file and key of the configuration that they are about. */
  readonly reason: string
}

export interface TestedSet {
  readonly name: string
  readonly files: ReadonlyMap<string, NginxFile>
  readonly blocked: readonly Blocked[]
  /** The host's main configuration file, in mode `system`. */
  readonly main: string | undefined
}

export type Texts = ReadonlyMap<string, NginxFile>

/** Writes and tests the set; files that nginx refuses are replaced by their former version, or left out. */
export async function testedSet(
  ctx: Context,
  wanted: Texts,
  inForce: StoredSet | undefined,
): Promise<TestedSet> {
  const files = new Map(wanted)
  const refused = new Map<string, string>()
  for (;;) {
    const texts = new Map([...files].map(([name, { text }]) => [name, text]))
    const name = await writeSet(ctx.paths, texts, inForce)
    try {
      const { words, main } = await testSet(ctx, name)
      if (words === undefined) return { name, files, blocked: blockedDomains(ctx, wanted, refused), main }
      for (const { file, reason } of blamed(words, setDirectory(ctx.paths, name), ctx, files)) {
        if (!refused.has(file)) refused.set(file, reason)
        const former = inForce?.files.get(file)
        const present = files.get(file)
        if (present === undefined) continue
        if (former === undefined || former === present.text) files.delete(file)
        else files.set(file, { ...present, text: former })
      }
      await removeSet(ctx.paths, name)
    } catch (error) {
      await removeSet(ctx.paths, name)
      throw error
    }
  }
}

/** @throws PypaasError if it is not the mistake of single files */
function blamed(words: readonly string[], tested: string, ctx: Context, files: Texts): Mistake[] {
  const complaint = complaintOf(words)
  // The host's nginx reads the set through the link.
  const mistakes =
    complaint === undefined
      ? []
      : [tested, ctx.paths.nginxFiles].flatMap((directory, at) =>
          at > 0 && complaint.file === undefined ? [] : mistakesOf(complaint, directory, files),
        )
  const shared = mistakes.find(({ file }) => file === SHARED_FILE)
  if (mistakes.length > 0 && shared === undefined) return mistakes
  const place = complaint?.file === undefined ? '' : ` in ${complaint.file}:${complaint.line}`
  const reason = shared?.reason ?? `${complaint?.message ?? words.at(-1) ?? 'it gives no reason'}${place}`
  throw new PypaasError('failed', `nginx refuses its configuration: ${reason}`, {
    hint: 'nothing was changed; correct what it names, then try again',
    output: words,
  })
}

/** What is refused, by domain: for the upstreams of a branch, every domain that uses them. */
function blockedDomains(ctx: Context, wanted: Texts, refused: ReadonlyMap<string, string>): Blocked[] {
  const blocked = new Map<string, Blocked>()
  for (const [name, reason] of refused) {
    const file = wanted.get(name)
    if (file === undefined) continue
    const { domain, refs } = file
    const domains =
      domain === undefined
        ? [...wanted.values()].filter(
            (other) => other.domain !== undefined && refs.some((ref) => has(other, ref)),
          )
        : [file]
    if (domains.length === 0)
      ctx.log.warn({ file: name, reason }, 'nginx refuses a file, which is left as it was')
    for (const each of domains) {
      const key = each.domain ?? ''
      if (!blocked.has(key)) blocked.set(key, { domain: key, refs: each.refs, reason })
    }
  }
  return [...blocked.values()]
}

function has({ refs }: NginxFile, { repo, branch }: BranchRef): boolean {
  return refs.some((ref) => ref.repo === repo && ref.branch === branch)
}
