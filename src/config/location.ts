/** The keys of `locations`: what nginx's `location` directive takes, and nothing that could leave it. Pure. */

export interface Location {
  /** Empty: a prefix. */
  readonly modifier: '' | '=' | '^~' | '~' | '~*'
  /** The path or regular expression, in quotes if it was written so. */
  readonly pattern: string
}

/**
 * A word of nginx's configuration: nothing that ends it, and a backslash only before a visible character.
 * In quotes also spaces, braces and semicolons (needed for `{2,}` in regular expressions).
 */
const WORD = /^(?:[^\s{};"'\\\p{Cc}]|\\[^\s\p{Cc}])+$/u
const QUOTED = /^"(?:[^"\\\p{Cc}]|\\[^\p{Cc}])+"$|^'(?:[^'\\\p{Cc}]|\\[^\p{Cc}])+'$/u

/** The parts of `/path`, `= /path`, `^~ /path`, `~ regex` or `~* regex`. A text is returned for what is none: the reason. */
export function parseLocation(key: string): Location | string {
  const [, modifier = '', pattern = ''] = /^\s*(=|\^~|~\*|~)?\s*(.*?)\s*$/su.exec(key) ?? []
  const location = { modifier: modifier as Location['modifier'], pattern }
  const isRegex = modifier.startsWith('~')
  if (pattern === '') return 'the path is missing'
  if (!isRegex && !/^["']?\//.test(pattern)) {
    return 'a path begins with `/`; the forms are `/path`, `= /path`, `^~ /path`, `~ regex` and `~* regex`'
  }
  if (isRegex && pattern.startsWith('#')) return 'a regular expression cannot begin with `#` in nginx'
  if (WORD.test(pattern) || QUOTED.test(pattern)) return location
  if (/\p{Cc}/u.test(pattern)) return 'line breaks and other control characters cannot be part of a location'
  return 'spaces, quotes, `{`, `}` and `;` have to stand in quotes, as in `\'~ "^/[a-z]{2}/"\'`'
}

/** A key that {@link parseLocation} finds right, as nginx gets it: one space between its parts. */
export function locationText(key: string): string {
  return key.startsWith('/') ? key.trimEnd() : key.trim().replace(/^(=|\^~|~\*|~)\s*/, '$1 ')
}

/** Locations with one identity cannot stand in one server: to nginx `/x` and `^~ /x` are duplicates. */
export function locationIdentity({ modifier, pattern }: Location): string {
  const bare = pattern.replace(/^(["'])(.*)\1$/su, '$2')
  return modifier === '' || modifier === '^~' ? bare : `${modifier} ${bare}`
}
