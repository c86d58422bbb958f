/** What a release will do, or why it cannot. Pure. */
import { PypaasError } from '../errors.ts'
import { checkVersion, compareVersions } from '../store/versions.ts'
import { testCommand } from './test-command.ts'
import { nextVersion, VERSION_FILES } from './version-files.ts'

/** A working copy as it is. */
export interface Facts {
  /** The branch that is checked out; undefined: none is. */
  readonly branch: string | undefined
  /** The full object id of its commit. */
  readonly head: string
  /** Lines of `git status --porcelain`. */
  readonly changes: readonly string[]
  readonly tags: readonly string[]
  /** Text of a file at the root; undefined: there is none. */
  text(path: string): string | undefined
  has(path: string): boolean
  isExecutable(path: string): boolean
}

export interface Wish {
  /** Undefined: the project's own, or the one after it. */
  readonly version: string | undefined
  /** In place of the project's test command. */
  readonly test: string | undefined
}

export interface ReleasePlan {
  readonly version: string
  readonly tag: string
  readonly branch: string
  readonly head: string
  /** Run by `sh -c`; undefined: the project has no tests. */
  readonly test: string | undefined
  /** Files that will say something else: path → text. */
  readonly edits: ReadonlyMap<string, string>
}

/** How many changed files a message names. */
const SHOWN = 10

/** @throws PypaasError `usage` for a wrong version, `failed` for a working copy that cannot be released from */
export function planRelease(facts: Facts, wish: Wish): ReleasePlan {
  const { branch, head } = facts
  if (facts.changes.length > 0) throw dirty(facts.changes)
  if (branch === undefined) {
    throw new PypaasError('failed', 'no branch is checked out', {
      hint: 'check out the branch that is to be released, as in `git switch main`',
    })
  }
  const version = wish.version ?? chosenVersion(facts)
  checkReleaseVersion(version, facts)
  const taken = tagsOf(version).find((tag) => facts.tags.includes(tag))
  if (taken !== undefined) {
    throw new PypaasError('failed', `${version} has been released already: there is a tag ${taken}`, {
      hint: 'name another version',
    })
  }
  return {
    version,
    tag: `${prefixOf(facts.tags)}${version}`,
    branch,
    head,
    test: wish.test ?? testCommand(facts),
    edits: editsFor(facts, version),
  }
}

/** A version that git can have as a tag, stores as a name, and the project's own tools as a version. */
function checkReleaseVersion(version: string, facts: Facts): void {
  checkVersion(version)
  // What git-check-ref-format(1) forbids beyond that.
  if (/\.\.|~|\.$|\.lock$/.test(version) || !/^[A-Za-z0-9]/.test(version)) {
    throw new PypaasError('usage', `${JSON.stringify(version)} cannot be a version: git cannot tag it`, {
      hint: 'use letters, digits, and single `.`, `-` or `+` between them',
    })
  }
  // semver.org, number 2; npm refuses to install anything else.
  const strict = VERSION_FILES[0]?.versionIn(facts.text('package.json') ?? '') !== undefined
  if (strict && !/^\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$/.test(version)) {
    throw new PypaasError('usage', `${JSON.stringify(version)} cannot be the version in package.json`, {
      hint: 'it needs three numbers, as in 1.4.0 or 2.0.0-rc.1',
    })
  }
}

function chosenVersion(facts: Facts): string {
  const own = ownVersion(facts)
  if (own !== undefined && !tagsOf(own).some((tag) => facts.tags.includes(tag))) return own
  const released = facts.tags.map((tag) => tag.replace(/^v(?=\d)/, '')).filter((tag) => /^\d/.test(tag))
  const last = own ?? released.toSorted(compareVersions).at(-1)
  const next = last === undefined ? undefined : nextVersion(last)
  if (next !== undefined) return next
  throw new PypaasError('usage', 'the project does not say which version it has', {
    hint: 'name one, as in `release 1.0.0`',
  })
}

function ownVersion(facts: Facts): string | undefined {
  for (const file of VERSION_FILES) {
    const version = file.versionIn(facts.text(file.path) ?? '')
    if (version !== undefined) return version
  }
  return undefined
}

function editsFor(facts: Facts, version: string): Map<string, string> {
  const edits = new Map<string, string>()
  for (const file of VERSION_FILES) {
    const text = facts.text(file.path)
    if (text === undefined || file.versionIn(text) === undefined) continue
    const changed = file.withVersion(text, version)
    if (changed !== text && file.versionIn(text) !== version) edits.set(file.path, changed)
  }
  return edits
}

function tagsOf(version: string): string[] {
  return [version, `v${version}`]
}

/** As the project has tagged its versions so far; `v` where it has none. */
function prefixOf(tags: readonly string[]): string {
  const versions = tags.filter((tag) => /^v?\d/.test(tag))
  return versions.length > 0 && versions.every((tag) => !tag.startsWith('v')) ? '' : 'v'
}

function dirty(changes: readonly string[]): PypaasError {
  const more = changes.length > SHOWN ? [`and ${changes.length - SHOWN} more`] : []
  return new PypaasError('failed', 'the working copy has changes that are in no commit', {
    output: [...changes.slice(0, SHOWN), ...more],
    hint: 'commit them, or put them aside with `git stash -u`; what is generated belongs into .gitignore',
  })
}
