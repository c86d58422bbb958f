/** `~/.ssh/authorized_keys`: what lets the keys of `authorized_keys.d` in through the host's sshd. */
import { chmod, chown, mkdir, stat } from 'node:fs/promises'
import { PypaasError } from '../errors.ts'
import type { Paths } from '../paths.ts'
import { readIfThere, replaceFile } from '../system/files.ts'
import { type Key, type KeyProblem, readKeys } from './keys.ts'

export interface Rebuilt {
  readonly path: string
  readonly keys: readonly Key[]
  readonly problems: readonly KeyProblem[]
  /** Lines with keys that pypaas did not write and that stay. */
  readonly kept: number
}

const OURS =
  '# Written by `pypaas rebuild_authorized_keys` from authorized_keys.d/: changes to these lines are lost.'
const FOREIGN = '# Not written by pypaas, and kept as it is.'
/** A line as {@link renderAuthorizedKeys} makes it, whatever place pypaas was installed at. */
const OUR_LINE = /^restrict,command="(?:[^"\\]|\\.)* ssh ([A-Za-z0-9._@+-]+)" \S+ [A-Za-z0-9+/=]+ \1$/
/** A line of pyPaaS: it had a shell expand the client's command. */
const PREDECESSORS_LINE = /command="(?:[^"\\]|\\.)*pypaas(?:[^"\\]|\\.)*SSH_ORIGINAL_COMMAND/i

/**
 * The text of authorized_keys. Ours come first: of two lines with one key, sshd takes the first.
 * @param foreign lines to keep, from {@link sortLines}
 * @param command what the user's shell runs for a key
 */
export function renderAuthorizedKeys(
  keys: readonly Key[],
  foreign: readonly string[],
  command: (key: Key) => string,
): string {
  const ours = keys.map(
    (key) => `restrict,command="${command(key).replaceAll('"', '\\"')}" ${key.type} ${key.blob} ${key.name}`,
  )
  const sections = [[OURS, ...ours].join('\n')]
  if (foreign.length > 0) sections.push([FOREIGN, ...foreign].join('\n'))
  return `${sections.join('\n\n')}\n`
}

/** The command that sshd gives to the login shell, which splits it into words again. */
export function forcedCommand(prefix: readonly string[], key: Key): string {
  return [...prefix, 'ssh', key.name].map(shellWord).join(' ')
}

/** A word for a POSIX shell. A line end could not be written into authorized_keys at all. */
function shellWord(word: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001F]/.test(word)) {
    throw new PypaasError('config', `${JSON.stringify(word)} cannot stand in authorized_keys`, {
      hint: 'move pypaas or its home to a path without control characters',
    })
  }
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

interface SortedLines {
  /** Lines to keep, comments and blank lines between them included. */
  readonly foreign: string[]
  /** Lines that pyPaaS wrote, with their numbers. */
  readonly predecessors: { readonly text: string; readonly line: number }[]
}

/** What is in an authorized_keys file beside our own lines. Pure. */
export function sortLines(text: string): SortedLines {
  const foreign: string[] = []
  const predecessors: { text: string; line: number }[] = []
  for (const [index, content] of text.split('\n').entries()) {
    const bare = content.trim()
    if (bare === OURS || bare === FOREIGN || OUR_LINE.test(bare)) continue
    if (!bare.startsWith('#') && PREDECESSORS_LINE.test(bare))
      predecessors.push({ text: bare, line: index + 1 })
    else foreign.push(content)
  }
  while (foreign[0]?.trim() === '') foreign.shift()
  while (foreign.at(-1)?.trim() === '') foreign.pop()
  return { foreign, predecessors }
}

/**
 * Writes authorized_keys anew from `authorized_keys.d`, with the permissions that sshd's StrictModes wants.
 * @param commandPrefix the words that start pypaas on this host, with `--home` and the like
 */
export async function rebuildAuthorizedKeys(
  paths: Paths,
  commandPrefix: readonly string[],
): Promise<Rebuilt> {
  for (const directory of [paths.sshDir, paths.authorizedKeysDir]) {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await chmod(directory, 0o700)
  }
  const { keys, problems } = await readKeys(paths)
  const { foreign, predecessors } = sortLines((await readIfThere(paths.authorizedKeys)) ?? '')
  const text = renderAuthorizedKeys(keys, foreign, (key) => forcedCommand(commandPrefix, key))
  await replaceFile(paths.authorizedKeys, text, 0o600)
  const home = await stat(paths.home)
  if (process.getuid?.() === 0) {
    // Root may rebuild for the deploy user, and sshd reads the file as that user.
    for (const path of [paths.sshDir, paths.authorizedKeysDir, paths.authorizedKeys]) {
      await chown(path, home.uid, home.gid)
    }
  }
  const path = paths.authorizedKeys
  return {
    path,
    keys,
    problems: [
      ...problems,
      ...aboutPredecessors(path, predecessors, keys),
      ...aboutDoubles(path, foreign, keys),
      ...aboutHome(paths.home, home),
    ],
    kept: foreign.filter((line) => !/^\s*(?:#|$)/.test(line)).length,
  }
}

function aboutPredecessors(
  file: string,
  lines: SortedLines['predecessors'],
  keys: readonly Key[],
): KeyProblem[] {
  return lines.map(({ text, line }) => {
    const key = keys.find(({ blob }) => text.split(/\s+/).includes(blob))
    return key === undefined
      ? {
          file,
          line,
          message: 'a line of pyPaaS was removed, and its key is not in authorized_keys.d',
          hint: `if it is still to get in, put it there: ${text.split(/\s+/).slice(-1).join(' ')}`,
          leftOut: true,
        }
      : {
          file,
          line,
          message: `a line of pyPaaS was replaced (${key.name})`,
          hint: undefined,
          leftOut: false,
        }
  })
}

function aboutDoubles(file: string, foreign: readonly string[], keys: readonly Key[]): KeyProblem[] {
  const words = new Set(foreign.flatMap((line) => (line.trim().startsWith('#') ? [] : line.split(/\s+/))))
  return keys
    .filter((key) => words.has(key.blob))
    .map((key) => ({
      file,
      line: undefined,
      message: `the key of ${key.name} also has a line that pypaas did not write; the one for pypaas counts`,
      hint: `remove that line, or ${key.file}:${key.line} if the key is to have a shell`,
      leftOut: false,
    }))
}

/** sshd(8) lets no key in whose home others may write to. */
function aboutHome(home: string, stats: { readonly mode: number; readonly uid: number }): KeyProblem[] {
  const problem = (message: string, hint: string): KeyProblem => ({
    file: home,
    line: undefined,
    message,
    hint,
    leftOut: false,
  })
  const user = process.getuid?.() ?? 0
  return [
    ...((stats.mode & 0o022) === 0
      ? []
      : [problem('the home can be written to by others, so sshd lets no key in', `chmod go-w ${home}`)]),
    ...(user === 0 || stats.uid === 0 || stats.uid === user
      ? []
      : [
          problem(
            'the home belongs to another user, so sshd lets no key in',
            `chown it to the user of pypaas`,
          ),
        ]),
  ]
}
