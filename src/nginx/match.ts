/** What stands behind `location`: a modifier and a path or pattern. Pure. */
import { nginxPattern } from './quote.ts'

export interface Match {
  /** Empty: a prefix. */
  readonly modifier: '' | '=' | '^~' | '~' | '~*'
  /** A path, or for `~` and `~*` a regular expression. */
  readonly path: string
  /** The path as the operator wrote it: with the quotes, if there are any. */
  readonly written: string
}

/** Reads a location that the configuration found right. */
export function matchOf(location: string): Match {
  const [, modifier = '', written = ''] = /^(=|\^~|~\*|~|)\s*(.*)$/s.exec(location) ?? []
  const path = /^(["']).*\1$/s.test(written) ? written.slice(1, -1) : written
  return { modifier: modifier as Match['modifier'], path, written }
}

/** A match of our making. */
export function matchOn(modifier: Match['modifier'], path: string): Match {
  return { modifier, path, written: nginxPattern(path) }
}

export function matchText({ modifier, written }: Match): string {
  return modifier === '' ? written : `${modifier} ${written}`
}

export function isPrefix({ modifier }: Match): boolean {
  return modifier === '' || modifier === '^~'
}

export function isPattern({ modifier }: Match): boolean {
  return modifier === '~' || modifier === '~*'
}
