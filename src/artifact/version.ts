/** The version of an artifact. Pure. */
import { PypaasError } from '../errors.ts'
import { isSafe } from './info.ts'
import type { Source } from './source.ts'

/**
 * The version that was asked for; else the tag at the commit, without its `v`; else the commit's time and id, as
 * releases are called: a later commit sorts behind an earlier one, and the same commit has the same version.
 * @throws PypaasError `usage` for one that cannot be a version
 */
export function versionOf(
  asked: string | undefined,
  { tag, commit, committed }: Pick<Source, 'tag' | 'commit' | 'committed'>,
): string {
  if (asked !== undefined) {
    if (isVersion(asked)) return asked
    throw new PypaasError('usage', `${JSON.stringify(asked)} cannot be a version`, {
      hint: 'versions are letters, digits and ._+~- (first a letter or digit); `latest` and names that end with .meta are taken',
    })
  }
  const tagged = tag?.replace(/^v(?=\d)/, '')
  if (tagged !== undefined && isVersion(tagged)) return tagged
  const time = committed
    .toISOString()
    .replaceAll(/[-:]|\..*$/g, '')
    .replace('T', '_')
  return `${time}-${commit.slice(0, 11)}`
}

function isVersion(text: string): boolean {
  return isSafe(text) && text.toLowerCase() !== 'latest' && !text.endsWith('.meta')
}
