/**
 * Names of repos, branches and runners in file names, service names and nginx
 * names. Pure. The encoding is injective: different names, or different lists
 * of names, never meet in one result.
 */

/** Bytes that stand for themselves in one path component; all others become `%XX`. */
const PLAIN = /[A-Za-z0-9._-]/
/** In joined names upper case is encoded too: nginx compares upstream names without regard to case. */
const PLAIN_LOWER = /[a-z0-9._-]/

function encode(name: string, plain: RegExp): string {
  if (name === '') throw new RangeError('a name cannot be empty')
  let encoded = ''
  for (const byte of Buffer.from(name, 'utf8')) {
    const char = String.fromCharCode(byte)
    // A leading dot would hide the file, and make `.` and `..` of a name.
    const stands = byte < 128 && plain.test(char) && !(char === '.' && encoded === '')
    encoded += stands ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}

/** One name as one path component: `feature/x` becomes `feature%2Fx`. */
export function fileName(name: string): string {
  return encode(name, PLAIN)
}

/** The inverse of {@link fileName}. Returns undefined for text that it cannot have made. */
export function nameOfFile(component: string): string | undefined {
  const bytes: number[] = []
  for (let at = 0; at < component.length; at++) {
    if (component[at] !== '%') {
      bytes.push(component.charCodeAt(at))
      continue
    }
    const hex = component.slice(at + 1, at + 3)
    if (!/^[0-9A-F]{2}$/.test(hex)) return undefined
    bytes.push(Number.parseInt(hex, 16))
    at += 2
  }
  const name = Buffer.from(bytes).toString('utf8')
  return name !== '' && fileName(name) === component ? name : undefined
}

/** Several names as one: a service name, an nginx upstream, a file of `nginx.d`. `+` is in no part. */
export function joinNames(...names: string[]): string {
  return names.map((name) => encode(name, PLAIN_LOWER)).join('+')
}
