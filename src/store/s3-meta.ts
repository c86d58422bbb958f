/** Metadata as S3 carries it: headers, which hold visible ASCII, and 2 KB of them (AWS: "Working with object metadata"). Pure. */
import { PypaasError } from '../errors.ts'

const MOST = 2048

/** @throws PypaasError `usage` if it is too much, or a name cannot be that of a header */
export function toHeaders(meta: Readonly<Record<string, string>>): Record<string, string> {
  const headers: Record<string, string> = {}
  let size = 0
  for (const [name, value] of Object.entries(meta)) {
    if (!/^[a-z0-9][a-z0-9-_.]*$/.test(name)) {
      throw new PypaasError('usage', `${JSON.stringify(name)} cannot be the name of metadata`, {
        hint: 'lower-case letters, digits, `-`, `_` and `.`',
      })
    }
    // Spaces inside stand; those at the ends, and what is not ASCII, would not arrive as they are.
    headers[name] = value.replaceAll(/[^\x20-\x7e]|%|^ | $/gu, encodeURIComponent)
    size += name.length + headers[name].length
  }
  if (size > MOST) {
    throw new PypaasError('usage', `${size} bytes of metadata are more than S3 keeps (${MOST})`, {
      hint: 'give less with --meta; a signature by an Ed25519 key is shorter than one by an RSA key',
    })
  }
  return headers
}

export function fromHeaders(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, decoded(value)]))
}

/** Others may have written a percent sign that means itself. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
