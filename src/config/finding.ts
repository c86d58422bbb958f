/** A mistake by the place in the configuration where it is: found first, given line and column later. */

export interface Finding {
  /** Keys (and list indexes) from the top of the file; empty: the file itself. */
  readonly path: readonly string[]
  /** Whether the key or what stands behind it is wrong. */
  readonly at: 'key' | 'value'
  readonly message: string
}

/** The key at `path` is wrong, or something is missing below it. */
export function atKey(path: readonly string[], message: string): Finding {
  return { path, at: 'key', message }
}

/** What stands at `path` is wrong. */
export function atValue(path: readonly string[], message: string): Finding {
  return { path, at: 'value', message }
}

/** A path as people write it: `branches.master.env`, names that hold other characters in quotes. */
export function dotted(path: readonly string[]): string {
  return path.map((part) => (/^[\w-]+$/.test(part) ? part : JSON.stringify(part))).join('.')
}

/** `branches.master: text`; for the file itself only the text. */
export function withPath(path: readonly string[], text: string): string {
  return path.length === 0 ? text : `${dotted(path)}: ${text}`
}

/** The path of a JSON Pointer (RFC 6901). */
export function pointerParts(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}
