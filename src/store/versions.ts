/** Names and the order of versions. Pure. */
import { PypaasError } from '../errors.ts'

/** Which file of which app, for which target (`master`, `staging`). */
export interface ArtifactRef {
  readonly app: string
  /** Default: `master`. */
  readonly target?: string | undefined
  /** Default: `<app>.tar.gz`. */
  readonly artifact?: string | undefined
}

export const DEFAULT_TARGET = 'master'

/** Below what file systems and S3 take of one name, so that a suffix has room. */
const LONGEST = 200
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.+~-]*$/

/**
 * Negative if `a` is before `b`: numbers in them count as numbers, so that a < b < b2 < b10 < c1 and 1.9 < 1.10.
 * A total order: only equal texts are equal.
 */
export function compareVersions(a: string, b: string): number {
  const left = parts(a)
  const right = parts(b)
  for (const [at, mine] of left.entries()) {
    const other = right[at]
    if (other === undefined) return 1
    // Texts and numbers alternate in both, beginning with a text.
    const order = at % 2 === 0 ? compareTexts(mine, other) : compareNumbers(mine, other)
    if (order !== 0) return order
  }
  return left.length < right.length ? -1 : compareTexts(a, b)
}

function parts(version: string): string[] {
  const found = version.split(/(\d+)/)
  if (found.at(-1) === '' && found.length > 1) found.pop()
  return found
}

function compareNumbers(a: string, b: string): number {
  const left = a.replace(/^0+/, '')
  const right = b.replace(/^0+/, '')
  return left.length - right.length || compareTexts(left, right)
}

function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

/** @throws PypaasError `usage` unless it can be the name of an app, an artifact or a target */
export function checkName(what: 'app' | 'target' | 'artifact' | 'version', name: string): void {
  const fits = what === 'target' ? name.split('/').every((part) => NAME.test(part)) : NAME.test(name)
  if (!fits || name.length > LONGEST) {
    throw new PypaasError('usage', `${JSON.stringify(name)} cannot be the name of ${WITH_ARTICLE[what]}`, {
      hint: 'letters, digits, and `_ . + ~ -` behind the first one',
    })
  }
}

const WITH_ARTICLE = {
  app: 'an app',
  target: 'a target',
  artifact: 'an artifact',
  version: 'a version',
} as const

/** @throws PypaasError `usage` unless it can be a version: `latest` and `*.meta` stand for other things in a store */
export function checkVersion(version: string): void {
  checkName('version', version)
  if (version === 'latest' || version.endsWith('.meta')) {
    throw new PypaasError('usage', `${JSON.stringify(version)} cannot be a version`, {
      hint: '`latest`, and names that end in `.meta`, are used by the repository of artifacts itself',
    })
  }
}

/** Key of an artifact's directory, with `/` at its end. @throws PypaasError `usage` */
export function artifactPrefix({ app, target, artifact }: ArtifactRef): string {
  const below = targetPrefix(app, target)
  const file = artifact ?? `${app}.tar.gz`
  checkName('artifact', file)
  return `${below}${file}/`
}

/** Key of a target's directory, with `/` at its end. A target may be the name of a branch with slashes. */
export function targetPrefix(app: string, target: string = DEFAULT_TARGET): string {
  checkName('app', app)
  checkName('target', target)
  return `${app}/${target.replaceAll('/', '%2F')}/`
}

/** The inverse of what {@link targetPrefix} does with a target. */
export function targetOf(directory: string): string {
  return directory.replaceAll('%2F', '/')
}
