/**
 * Reads nginx text far enough to know which directives it sets, so that ours
 * can give way to the operator's: most directives may stand only once in a
 * block. Pure, and lenient: text that nginx would refuse yields what can be read.
 */

export interface Directive {
  readonly name: string
  readonly args: readonly string[]
  /** As it was written, with its `;` or its block. */
  readonly text: string
}

/** Directives of which a block may hold many; the first argument tells one from another. */
const LISTS = new Set(['add_header', 'proxy_set_header', 'uwsgi_param'])

/** What a block may hold once: a name, or for lists a name with its first argument. */
export function keyOf({ name, args, text }: Directive): string {
  if (LISTS.has(name)) return `${name} ${(args[0] ?? '').toLowerCase()}`
  // Lua comes as a block, as a file or as text, and a block may hold one of these.
  const [lua] = /^\w+_by_lua(?=$|_block$|_file$)/.exec(name) ?? []
  if (lua !== undefined) return lua
  return text.endsWith('}') ? `${name} ${args.join(' ')} {}` : name
}

/** `ours` without what `theirs` sets. */
export function without(ours: readonly Directive[], theirs: readonly Directive[]): Directive[] {
  if (theirs.length === 0) return [...ours]
  const set = new Set(theirs.map(keyOf))
  return ours.filter((directive) => !set.has(keyOf(directive)))
}

/**
 * What a location has to repeat of its server. nginx inherits a list (headers, uwsgi parameters) only
 * into a block that has no entry of its own of it.
 */
export function inherited(server: readonly Directive[], location: readonly Directive[]): Directive[] {
  const lists = new Set(location.map(({ name }) => name).filter((name) => LISTS.has(name)))
  if (lists.size === 0) return []
  return without(
    server.filter(({ name }) => lists.has(name)),
    location,
  )
}

/** The directives at the top level of `text`, in order. */
export function directivesOf(text: string): Directive[] {
  const found: Directive[] = []
  let words: string[] = []
  let start = -1
  const end = (at: number): void => {
    const [name, ...args] = words
    if (name !== undefined) found.push({ name, args, text: text.slice(start, at) })
    words = []
    start = -1
  }
  for (let at = 0; at < text.length;) {
    const char = text[at] ?? ''
    if (/\s/.test(char)) at++
    else if (char === '#') at = lineEnd(text, at)
    else if (char === ';') end(++at)
    else if (char === '{') end((at = blockEnd(text, at, words[0] ?? '')))
    else if (char === '}') at++
    else {
      if (start < 0) start = at
      const next = wordEnd(text, at)
      words.push(plain(text.slice(at, next)))
      at = next
    }
  }
  return found
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end < 0 ? text.length : end
}

/** Behind the `}` of the block of `name` that begins at `at`. Lua has its own words and comments: there, braces alone count. */
function blockEnd(text: string, at: number, name: string): number {
  const lua = name.endsWith('_by_lua_block')
  let directive = ''
  at++
  while (at < text.length) {
    const char = text[at] ?? ''
    if (char === '}') return at + 1
    if (char === '{') {
      at = blockEnd(text, at, lua ? name : directive)
      directive = ''
    } else if (lua || /[\s;]/.test(char)) {
      if (char === ';') directive = ''
      at++
    } else if (char === '#') at = lineEnd(text, at)
    else {
      const end = wordEnd(text, at)
      directive ||= text.slice(at, end)
      at = end
    }
  }
  return at
}

/** Behind the word at `at`: quotes count only at its begin, a backslash takes the next character, `${` is no block. */
function wordEnd(text: string, at: number): number {
  const quote = text[at]
  if (quote === '"' || quote === "'") {
    for (at++; at < text.length && text[at] !== quote; at++) if (text[at] === '\\') at++
    return Math.min(at + 1, text.length)
  }
  while (at < text.length && !/[\s;{]/.test(text[at] ?? '')) {
    if (text[at] === '\\') at++
    else if (text[at] === '$' && text[at + 1] === '{') at = Math.max(at, text.indexOf('}', at))
    at++
  }
  return Math.min(at, text.length)
}

function plain(word: string): string {
  return /^(["']).*\1$/s.test(word) ? word.slice(1, -1) : word
}
