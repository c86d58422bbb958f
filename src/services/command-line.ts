/** The operator's `cmd` as the words behind `exec` in a run script. Pure. */
import { shellQuote } from '../system/shell.ts'

/** Words that begin something other than a simple command (POSIX 2.4), or that the shell runs by itself. */
const NOT_PROGRAMS = new Set(
  (
    'if then else elif fi do done case esac while until for { } ! in function select time [[ ' +
    '. : eval exec command export readonly set unset shift trap umask ulimit cd source wait alias exit return read'
  ).split(' '),
)

const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*=/

/** A command list, cut at the operators that are outside of quotes. */
interface CommandList {
  readonly parts: readonly string[]
  /** The operators between the parts: `&&`, `;`, `|`, `(`, … */
  readonly operators: readonly string[]
}

/**
 * `cmd` so that `exec` can stand before it and signals to the service reach the
 * program itself. A simple command stays as it is. In `cd app && node server.js`
 * the last program takes the shell's place. Any other shell text (a pipeline, a
 * loop) runs in a shell that stays.
 */
export function execWords(cmd: string): string {
  const text = cmd.trim().replace(/^exec\s+(?!-)/, '')
  if (text.includes('<<')) return inShell(text)
  const list = split(text)
  if (list.operators.length === 0) return simple(text) ?? inShell(text)
  const inOrder = list.operators.every((operator) => [';', '&&', '\n'].includes(operator))
  const last = list.parts.at(-1) ?? ''
  const before = list.parts.slice(0, -1)
  const replaceable = simple(last.trim())
  if (!inOrder || replaceable === undefined || before.some((part) => opensCompound(part))) {
    return inShell(text)
  }
  const head = before.map((part, at) => `${part}${list.operators[at] ?? ''}`).join('')
  return inShell(`${head} exec ${replaceable}`)
}

function inShell(text: string): string {
  return `sh -c ${shellQuote(text)}`
}

/** The simple command for `exec`, assignments in front given to env(1). Undefined: it is none. */
function simple(command: string): string | undefined {
  const first = /^\S*/.exec(command)?.[0] ?? ''
  if (first === '' || first.startsWith('#') || NOT_PROGRAMS.has(first)) return undefined
  return ASSIGNMENT.test(first) ? `env ${command}` : command
}

/** Whether a part begins a loop, a condition or a group that reaches beyond it. */
function opensCompound(part: string): boolean {
  return /^(?:if|while|until|for|case|\{|!|\[\[|select|function)(?:\s|$)/.test(part.trim())
}

/** Cuts at operators. Quotes, `$(…)`'s inside and `2>&1` are not looked into: they count as operators or text. */
function split(text: string): CommandList {
  const parts: string[] = []
  const operators: string[] = []
  let part = ''
  const token = /'[^']*'|"(?:\\[^]|[^"\\])*"|\\[^]|[<>]&|&&|\|\||;;|[;&|()`\n]|#|[^]/g
  for (const [piece] of text.matchAll(token)) {
    const comment = piece === '#' && (part === '' || /\s$/.test(part))
    if (comment || /^(?:&&|\|\||;;|[;&|()`\n])$/.test(piece)) {
      parts.push(part)
      operators.push(comment ? '#' : piece)
      part = ''
    } else part += piece
  }
  return { parts: [...parts, part], operators }
}
