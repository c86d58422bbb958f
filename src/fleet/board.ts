/** Where the hosts of a fleet write what others are to know: small JSON documents. */

export interface Board {
  /** Undefined: there is no such document. */
  read(key: string): Promise<unknown>
  write(key: string, value: object): Promise<void>
  remove(key: string): Promise<void>
  /** Every document whose key begins so, by key. */
  list(prefix: string): Promise<ReadonlyMap<string, unknown>>
}

/** A document's value; undefined for text that is none, which a later write replaces. */
export function parseDocument(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
