/** A commit on its way to a build server: what git archive does not carry, so that it is the same commit there. */
import { basename } from 'node:path'
import { isSafe } from '../artifact/info.ts'
import { PypaasError } from '../errors.ts'

export interface Parcel {
  /** Of the repository's directory, for a project that does not say its name. */
  readonly name: string
  /** The project's directory in the repository; empty, or with `/` at its end. */
  readonly prefix: string
  readonly version: string
  readonly tag: string
  readonly branch: string
  /** The full object id. */
  readonly commit: string
  /** The commit object itself, in base64. */
  readonly object: string
  /** Path → commit of every submodule. */
  readonly submodules: Readonly<Record<string, string>>
}

/**
 * git's attributes that change what an archive or an index holds, all taken back (gitattributes(5)): the files
 * travel as they are in the commit. For `info/attributes`, which goes before the project's own.
 */
export const AS_COMMITTED = '* -export-ignore -export-subst -text -ident -filter !working-tree-encoding\n'

/** @throws PypaasError `usage` for anything that does not look like a parcel */
export function parcelOf(value: unknown): Parcel {
  const found = (typeof value === 'object' && value !== null ? value : {}) as Partial<
    Record<keyof Parcel, unknown>
  >
  const texts = ['name', 'prefix', 'version', 'tag', 'branch', 'commit', 'object'] as const
  const { submodules } = found
  const fits =
    texts.every((key) => typeof found[key] === 'string') &&
    isSafe(String(found.name)) &&
    isSafe(String(found.version)) &&
    isBelow(String(found.prefix)) &&
    isCommit(found.commit) &&
    typeof submodules === 'object' &&
    submodules !== null &&
    Object.values(submodules).every(isCommit)
  if (fits) return value as Parcel
  throw new PypaasError('usage', 'what came over the connection is no release', {
    hint: '`build-stream` is for `release --remote`, with the same version of pypaas on both sides',
  })
}

/** A name that every file system takes. */
export function safeName(path: string): string {
  const name = basename(path)
    .replaceAll(/[^A-Za-z0-9._+~-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
  return name === '' ? 'app' : name
}

function isCommit(value: unknown): boolean {
  return typeof value === 'string' && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(value)
}

function isBelow(prefix: string): boolean {
  return (
    prefix === '' ||
    prefix
      .split('/')
      .every((part, at, all) => (part === '' ? at === all.length - 1 : part !== '.' && part !== '..'))
  )
}
