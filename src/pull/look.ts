/** What a look at a remote comes to: the same as before, or news that have been fetched and can be placed. */
import type { Output } from '../system/output.ts'

/** What tells one state of a remote from another: a commit, an ETag, a version. Kept between looks. */
export type Version = Readonly<Record<string, string>>

export interface News {
  readonly version: Version
  /** For people: a commit, the version of an artifact, a hash of the content. */
  readonly name: string
  /** 40 hex digits: the commit, or the beginning of the SHA-256 of the content. */
  readonly commit: string
  /** The commit's first line, or what else says what is new. */
  readonly subject: string
  /** Writes the files into a directory that is not there yet; leaves nothing there if it fails. */
  place(directory: string): Promise<void>
  /** Forgets what was fetched: it is in its place for good. */
  settled(): Promise<void>
}

/** `same`: nothing is new, though how the remote names it may have changed. */
export type Look = { readonly news: News } | { readonly same: Version }

export interface LookOptions {
  /** What the remote was when it was last pulled from. */
  readonly known: Version | undefined
  /** Directory for what is fetched; kept between looks, so that a broken download is gone on with. */
  readonly cache: string
  /** Who looks, one at a time. What is fetched is kept for it alone: another one might be done with it earlier. */
  readonly owner: string
  readonly output: Output
  readonly signal: AbortSignal
  /** Called before anything is fetched. */
  readonly begin?: (() => void) | undefined
  /** Keys for s3:// that are not where they usually are. */
  readonly keys?: AwsKeys | undefined
}

export interface AwsKeys {
  readonly accessKey: string
  readonly secretKey: string
}
