/**
 * What a client asks for over SSH: `SSH_ORIGINAL_COMMAND`, or the `exec` request
 * of the embedded server. Pure, and never a shell: nothing is expanded.
 */
import { PypaasError } from '../errors.ts'

/** Characters. Far above what git sends; enough for a custom command with arguments. */
const LONGEST = 8192
/** Control characters (C0 without the tab, DEL, C1). None is of use in a command, and some mislead terminals and logs. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000A-\u001F\u007F-\u009F]/
/** git's commands in the form with a blank, as some clients send them. */
const GIT_COMMANDS = new Set(['receive-pack', 'upload-pack', 'upload-archive'])

/**
 * The words of a command line.
 *
 * - blanks (space, tab) separate words; a word may be made of several parts, as in `a'b'"c"`
 * - single quotes: everything up to the next one is literal
 * - double quotes: `\"` and `\\` are `"` and `\`, everything else is literal
 * - outside quotes a backslash makes the next character literal, so `'\''` is a quote as git sends it
 * - all other characters, `$`, `` ` ``, `;`, `|`, `&`, `<`, `>`, `*` and `~` among them, stand for themselves
 *
 * `git receive-pack x` is read as `git-receive-pack x`.
 * @throws PypaasError `usage` for control characters, an open quote, a backslash at the end, or too long a text
 */
export function parseCommandLine(text: string): string[] {
  if (text.length > LONGEST) {
    throw new PypaasError('usage', `the command is longer than ${LONGEST} characters`)
  }
  if (CONTROL.test(text)) {
    throw new PypaasError('usage', 'the command holds a line end or another control character', {
      hint: 'send one command, on one line',
    })
  }
  const words = split(text)
  const [first, second = '', ...rest] = words
  return first === 'git' && GIT_COMMANDS.has(second) ? [`git-${second}`, ...rest] : words
}

function split(text: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let at = 0
  while (at < text.length) {
    const char = text.charAt(at)
    if (char === ' ' || char === '\t') {
      if (word !== undefined) words.push(word)
      word = undefined
      at++
      continue
    }
    const part =
      char === "'" ? singleQuoted(text, at) : char === '"' ? doubleQuoted(text, at) : plain(text, at)
    word = (word ?? '') + part.text
    at = part.end
  }
  if (word !== undefined) words.push(word)
  return words
}

interface Part {
  readonly text: string
  /** Where the next part begins. */
  readonly end: number
}

function singleQuoted(text: string, start: number): Part {
  const close = text.indexOf("'", start + 1)
  if (close === -1) throw openQuote("'")
  return { text: text.slice(start + 1, close), end: close + 1 }
}

function doubleQuoted(text: string, start: number): Part {
  let inside = ''
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charAt(at)
    const next = text.charAt(at + 1)
    if (char === '"') return { text: inside, end: at + 1 }
    if (char === '\\' && (next === '"' || next === '\\')) {
      inside += next
      at++
    } else {
      inside += char
    }
  }
  throw openQuote('"')
}

function plain(text: string, start: number): Part {
  const char = text.charAt(start)
  if (char !== '\\') return { text: char, end: start + 1 }
  if (start + 1 === text.length) throw new PypaasError('usage', 'the command ends with a backslash')
  return { text: text.charAt(start + 1), end: start + 2 }
}

function openQuote(quote: string): PypaasError {
  return new PypaasError('usage', `the command has a ${quote} that is not closed`)
}

/**
 * The name of a repo as a git client sends it: `web`, `web.git`, `/web`, `~/web` and
 * `/~/web` are all `web`.
 * @throws PypaasError `denied` for everything that is not one plain name
 */
export function repoNameOf(argument: string): string {
  const { bare } = namesIn(argument)
  return bare
}

/**
 * The names that an argument may mean, most literal first: `web.git` is the repo `web.git`
 * if there is such a one, and else `web`.
 * @throws PypaasError `denied` as {@link repoNameOf}
 */
export function repoCandidates(argument: string): string[] {
  const { literal, bare } = namesIn(argument)
  return literal === bare ? [bare] : [literal, bare]
}

function namesIn(argument: string): { literal: string; bare: string } {
  const literal = argument.replace(/^(?:\/?~\/|\/)/, '')
  const bare = literal.replace(/\.git$/, '')
  const leaves = literal.includes('/') || literal.includes('\\') || bare === '' || bare.startsWith('.')
  if (leaves || bare.startsWith('~') || CONTROL.test(literal) || literal.includes('\t')) {
    throw new PypaasError('denied', `${JSON.stringify(argument)} is not the name of a repo`, {
      hint: 'use the name alone, as in `git push deploy@host:web master`',
    })
  }
  return { literal, bare }
}
