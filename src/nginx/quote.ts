/** Quoting for nginx's configuration. Pure. */

/**
 * Any text as one parameter that means just this text. nginx has no escape for `$`; the variable is
 * defined in `shared.mustache`.
 * @param suffix nginx text to follow in the same parameter, such as a variable
 */
export function nginxQuote(text: string, suffix = ''): string {
  if (/^[A-Za-z0-9_./:@%+*~=-]+$/.test(text)) return text + suffix
  const escaped = text.replaceAll(/[\\"]/g, '\\$&').replaceAll('$', '${pypaas_dollar}')
  return `"${escaped}${suffix}"`
}

/** Text that nginx is to interpret (a pattern with its backslashes), as one parameter. */
export function nginxPattern(text: string): string {
  return /[\s;{}"'#]/.test(text) ? `"${text.replaceAll('"', '\\"')}"` : text
}
