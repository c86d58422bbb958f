/** The keys in `authorized_keys.d`: who may log in. Both SSH entrances read these. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hasErrno, PypaasError } from '../errors.ts'
import type { Paths } from '../paths.ts'
import { listDirectory } from '../system/state.ts'
import { parseKeyLine } from './key-line.ts'

export interface Key {
  /** Who it is: the file's name without `.pub`. Several keys of one person share it. */
  readonly name: string
  readonly type: string
  /** Base64. */
  readonly blob: string
  readonly comment: string
  readonly file: string
  readonly line: number
}

/** Something about a key's file or a line of it that its owner should know. */
export interface KeyProblem {
  readonly file: string
  /** Undefined: it is about the file as a whole. */
  readonly line: number | undefined
  readonly message: string
  readonly hint: string | undefined
  /** Whether a key is missing because of it. False: a note. */
  readonly leftOut: boolean
}

export interface KeyFiles {
  readonly keys: readonly Key[]
  readonly problems: readonly KeyProblem[]
}

/**
 * Key names stand in a command that a shell runs and in authorized_keys, so they are of few
 * characters, and none begins with a dash like an option.
 */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._@+-]*$/
/** Bytes. An RSA key of the greatest size takes 3 KB; this is room for hundreds. */
const LARGEST_FILE = 1024 * 1024

/**
 * Reads every file of `authorized_keys.d` in the order of their names. Hidden files and directories are
 * passed over. What is wrong is reported and left out, never thrown, so that one bad file locks nobody else out.
 */
export async function readKeys(paths: Paths): Promise<KeyFiles> {
  const keys = new Map<string, Key>()
  const problems: KeyProblem[] = []
  for (const entry of await listDirectory(paths.authorizedKeysDir)) {
    const file = join(paths.authorizedKeysDir, entry)
    const read = await readFileOfKeys(file, entry)
    problems.push(...read.problems)
    for (const key of read.keys) {
      const same = keys.get(key.blob)
      if (same === undefined) {
        keys.set(key.blob, key)
        continue
      }
      problems.push(
        leftOut(
          key.file,
          key.line,
          `the same key is in ${same.file}:${same.line}, which counts (${same.name})`,
        ),
      )
    }
  }
  return { keys: [...keys.values()], problems }
}

async function readFileOfKeys(file: string, entry: string): Promise<KeyFiles> {
  let text: string
  try {
    const { size, isFile } = await shapeOf(file)
    if (!isFile) return { keys: [], problems: [] }
    if (size > LARGEST_FILE)
      return { keys: [], problems: [leftOut(file, undefined, 'the file is too large for keys')] }
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'EACCES', 'EPERM', 'ELOOP')) throw error
    return {
      keys: [],
      problems: [leftOut(file, undefined, 'the file cannot be read', 'look at its permissions')],
    }
  }
  const name = entry.replace(/\.pub$/, '')
  if (!NAME.test(name)) {
    const hint = 'rename the file: letters, digits and . _ @ + - are possible, and a letter or digit in front'
    return {
      keys: [],
      problems: [leftOut(file, undefined, 'the file name is not fit for the name of a key', hint)],
    }
  }
  return parseKeys(text, name, file)
}

async function shapeOf(file: string): Promise<{ size: number; isFile: boolean }> {
  const stats = await stat(file)
  return { size: stats.size, isFile: stats.isFile() }
}

/** The keys in the text of one file. Pure. */
export function parseKeys(text: string, name: string, file: string): KeyFiles {
  if (text.includes('\0')) {
    return {
      keys: [],
      problems: [leftOut(file, undefined, 'the file is not text in UTF-8', 'save it as UTF-8')],
    }
  }
  if (/^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/m.test(text)) {
    const hint = 'remove it from this host, and put the .pub file here'
    return { keys: [], problems: [leftOut(file, undefined, 'this is a private key', hint)] }
  }
  const keys: Key[] = []
  const problems: KeyProblem[] = []
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
  for (const [index, content] of lines.entries()) {
    if (/^\s*(?:#|$)/.test(content)) continue
    const line = index + 1
    try {
      const { dropped, ...key } = parseKeyLine(content)
      keys.push({ name, ...key, file, line })
      if (dropped.length > 0) {
        const message = `not kept: ${dropped.join(', ')} (a key can run pypaas and nothing else)`
        problems.push({ file, line, message, hint: undefined, leftOut: false })
      }
    } catch (error) {
      if (!(error instanceof PypaasError)) throw error
      problems.push(leftOut(file, line, error.message, error.hint))
    }
  }
  return { keys, problems }
}

/**
 * The keys as they are now, for one login after another: the files are read again only when the directory or
 * one of them has changed. `report` gets the problems of each reading.
 */
export function watchedKeys(
  paths: Paths,
  report: (problems: readonly KeyProblem[]) => void = () => {},
): () => Promise<readonly Key[]> {
  let known: { state: string; keys: readonly Key[] } | undefined
  return async () => {
    // Taken before reading: what changes meanwhile is seen the next time.
    const state = await stateOf(paths.authorizedKeysDir)
    if (known?.state !== state) {
      const read = await readKeys(paths)
      known = { state, keys: read.keys }
      report(read.problems)
    }
    return known.keys
  }
}

/** Changes whenever a file in the directory is added, removed, replaced or written. */
async function stateOf(directory: string): Promise<string> {
  const states = (await listDirectory(directory)).map(async (entry) => {
    const stats = await stat(join(directory, entry), { bigint: true }).catch(() => undefined)
    return [entry, stats?.ino, stats?.size, stats?.mtimeNs, stats?.ctimeNs].join(' ')
  })
  return (await Promise.all(states)).join('\n')
}

function leftOut(file: string, line: number | undefined, message: string, hint?: string): KeyProblem {
  return { file, line, message, hint, leftOut: true }
}
