/** What a store is: documents and files by key, with conditional writes. The raw thing, below artifacts and fleets. */
import type { Readable } from 'node:stream'

/** Keys are names joined by `/`; a store may be a part of something larger, which its keys do not show. */
export interface StoreEntry {
  readonly key: string
  /** Bytes. */
  readonly size: number
  readonly modified: Date
}

export interface StoreHead extends StoreEntry {
  /** Changes whenever the content does. Without quotes. */
  readonly etag: string
  readonly meta: Readonly<Record<string, string>>
}

export interface StoreObject extends StoreHead {
  /** From the byte that was asked for to the end. The reader reads it to its end or destroys it. */
  readonly body: Readable
}

export interface ReadOptions {
  /** First byte that is wanted; default 0. */
  readonly from?: number
  /** Only this content. @throws PypaasError `failed` if it has been replaced */
  readonly ifMatch?: string
  readonly signal?: AbortSignal | undefined
}

export interface WriteOptions {
  /** Only if there is nothing under the key. */
  readonly ifNoneMatch?: '*'
  /** Only over the content with this etag. */
  readonly ifMatch?: string
  readonly meta?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

export interface UploadOptions extends WriteOptions {
  /** Bytes that are stored so far. */
  readonly progress?: ((done: number) => void) | undefined
}

/** A file of this host that is to be stored, as it was when it was looked at. */
export interface LocalFile {
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** Lower-case hex. */
  readonly sha256: string
}

export interface Store {
  /** How messages name it: `/srv/artifacts`, `s3://bucket/prefix`. */
  readonly shown: string
  /** The store's clock as of its last answer: the same for all hosts that use it, whatever theirs say. */
  now(): Date
  /** Undefined: there is nothing under the key. */
  head(key: string): Promise<StoreHead | undefined>
  /** Undefined: there is nothing under the key. */
  read(key: string, options?: ReadOptions): Promise<StoreObject | undefined>
  /**
   * Replaces a small document as a whole.
   * @returns the new etag; undefined: the condition does not hold (any longer), nothing is changed
   * @throws PypaasError `config` if the store knows no conditions
   */
  write(key: string, body: string, options?: WriteOptions): Promise<string | undefined>
  /**
   * Stores a file of any size, which appears under its key as a whole, with its metadata. What is transient is tried
   * again; a store may go on with an upload that was cut short.
   * @returns as of {@link write}; here a store may not know conditions, and then the last one wins
   * @throws PypaasError `failed`, `cancelled`
   */
  upload(key: string, file: LocalFile, options?: UploadOptions): Promise<string | undefined>
  /** Everything whose key begins so, by key. */
  list(prefix: string): Promise<StoreEntry[]>
  /** What is directly below `prefix`, which is empty or ends in `/`. */
  children(prefix: string): Promise<StoreChildren>
  /** Nothing there is no failure. @returns false if `ifMatch` does not hold, as far as the store knows conditions here */
  remove(key: string, options?: { readonly ifMatch?: string }): Promise<boolean>
  /** Removes what was being stored below `prefix` since before that time and never finished. */
  sweep(prefix: string, before: Date): Promise<void>
}

export interface StoreChildren {
  /** Names, without slashes. */
  readonly directories: readonly string[]
  readonly entries: readonly StoreEntry[]
}

/** Text of a small document, and its etag. Undefined: there is none. */
export async function readDocument(
  store: Store,
  key: string,
): Promise<{ readonly text: string; readonly etag: string } | undefined> {
  const object = await store.read(key)
  if (object === undefined) return undefined
  const chunks: Buffer[] = []
  for await (const chunk of object.body as AsyncIterable<Buffer>) chunks.push(chunk)
  return { text: Buffer.concat(chunks).toString('utf8'), etag: object.etag }
}
