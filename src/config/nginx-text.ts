/**
 * Whether nginx text of the operator stays within the block that it is put
 * into. nginx judges the directives themselves; this sees to it that the text
 * cannot end the block around it or swallow what comes after it. Pure.
 */

/** What is wrong with the text, or undefined. Reads as nginx's own tokenizer does (src/core/ngx_conf_file.c). */
export function nginxTextMistake(text: string): string | undefined {
  let depth = 0
  let unfinished = ''
  for (const token of tokens(text)) {
    switch (token) {
      case ';':
        if (unfinished === '') return 'there is a `;` without a directive before it'
        unfinished = ''
        break
      case '{':
        depth++
        unfinished = ''
        break
      case '}':
        if (unfinished !== '') return missingSemicolon(unfinished)
        if (--depth < 0) return 'there is a `}` without its `{`; it would end the block around this text'
        break
      case '"':
      case "'":
        return `a ${token} is not closed`
      default:
        unfinished ||= token
    }
  }
  if (unfinished !== '') return missingSemicolon(unfinished)
  return depth > 0 ? 'a `{` is not closed by a `}`' : undefined
}

function missingSemicolon(directive: string): string {
  return `the directive \`${directive}\` is not ended by a \`;\``
}

/**
 * Words, `;`, `{` and `}`, without comments. A quote that is not closed is the
 * last token. A block of Lua has braces of its own rules, so all of it is one `;`.
 */
function* tokens(text: string): Generator<string> {
  let at = 0
  let directive = ''
  while (at < text.length) {
    const char = text.charAt(at)
    if (/\s/.test(char)) at++
    else if (char === '#') at = endOfLine(text, at)
    else if (/[;{}]/.test(char)) {
      const lua = char === '{' && directive.endsWith('_by_lua_block') ? endOfLua(text, at) : undefined
      yield lua === undefined ? char : ';'
      at = lua ?? at + 1
      directive = ''
    } else {
      const end = /["']/.test(char) ? endOfQuoted(text, at) : endOfWord(text, at)
      yield text.slice(at, end ?? at + 1)
      if (end === undefined) return
      directive ||= text.slice(at, end)
      at = end
    }
  }
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end === -1 ? text.length : end
}

function endOfQuoted(text: string, from: number): number | undefined {
  const quote = text.charAt(from)
  for (let at = from + 1; at < text.length; at++) {
    if (text.charAt(at) === '\\') at++
    else if (text.charAt(at) === quote) return at + 1
  }
  return undefined
}

/** Quotes, `#` and `}` within a word are part of it, and so is the brace of `${name}`. */
function endOfWord(text: string, from: number): number {
  let at = from
  while (at < text.length) {
    const char = text.charAt(at)
    if (char === '\\') at += 2
    else if (char === '$' && text.charAt(at + 1) === '{') at += 2
    else if (/[\s;{]/.test(char)) return at
    else at++
  }
  return Math.min(at, text.length)
}

/** Behind the `}` that closes the block; undefined if none does. Braces in Lua's strings and comments do not count. */
function endOfLua(text: string, from: number): number | undefined {
  let depth = 0
  let at = from
  while (at < text.length) {
    const char = text.charAt(at)
    if (/["']/.test(char)) {
      const end = endOfQuoted(text, at)
      if (end === undefined) return undefined
      at = end
      continue
    }
    if (text.startsWith('--', at)) at = endOfLine(text, at)
    if (char === '{') depth++
    if (char === '}' && --depth === 0) return at + 1
    at++
  }
  return undefined
}
