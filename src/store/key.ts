/** Keys of stores. Pure. */

/**
 * The key, if it can be one in every store: names joined by single slashes, none of which leads elsewhere.
 * @throws RangeError for others, which no caller may make of what a user typed
 */
export function checkKey(key: string): string {
  const parts = key.split('/')
  const leadsAway = parts.some((part) => part === '' || part === '.' || part === '..')
  if (leadsAway || /\p{Cc}/u.test(key)) throw new RangeError(`${JSON.stringify(key)} cannot be a key`)
  return key
}
