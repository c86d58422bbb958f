/** What comes over SSH, for any text. */
import { execFileSync } from 'node:child_process'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { PypaasError } from '../../src/errors.ts'
import { parseCommandLine, repoNameOf } from '../../src/ssh/request.ts'
import { shellQuote } from '../../src/system/shell.ts'

/** Without control characters, which are refused. */
const printable = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/\p{Cc}/gu, ''))
const tricky = fc.string({
  unit: fc.constantFrom(...'ab \t\'"\\$`;|&<>*?~#(){}[]!=/.-'.split('')),
  maxLength: 40,
})

function wordsOf(text: string): string[] | undefined {
  try {
    return parseCommandLine(text)
  } catch (error) {
    if (error instanceof PypaasError && error.code === 'usage') return undefined
    throw error
  }
}

function nameOf(text: string): string | undefined {
  try {
    return repoNameOf(text)
  } catch (error) {
    if (error instanceof PypaasError && error.code === 'denied') return undefined
    throw error
  }
}

test('words that are quoted for a shell arrive as they were', () => {
  fc.assert(
    fc.property(fc.array(printable, { minLength: 1, maxLength: 6 }), (words) => {
      fc.pre(!(words[0] === 'git' && /^(receive-pack|upload-pack|upload-archive)$/.test(words[1] ?? '')))
      expect(parseCommandLine(words.map(shellQuote).join(' '))).toEqual(words)
    }),
  )
})

test('any text is words or a usage error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), tricky), (text) => {
      expect(() => wordsOf(text)).not.toThrow()
    }),
    { numRuns: 1000 },
  )
})

test('there are never more words than there are to a shell', () => {
  // What a shell would expand or run is literal here, so it is made literal for the shell, too.
  const quoted = tricky.map((text) => text.replaceAll(/[$`;|&<>*?~#(){}[\]!=]/g, 'x'))
  const cases = fc.sample(quoted, 200).flatMap((text) => {
    const words = wordsOf(text)
    return words === undefined ? [] : [{ text, words }]
  })
  expect(cases.length).toBeGreaterThan(20)
  const script = cases.map(({ text }) => `set -- ${text}\necho $#\n`).join('')
  const counts = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trim().split('\n').map(Number)
  expect(cases.map(({ words }) => words.length)).toEqual(counts)
})

test('the name of a repo is one plain component, or it is refused', () => {
  const paths = fc.constantFrom('..', '../x', '/~/..', '~root/x', 'a/../b')
  fc.assert(
    fc.property(fc.oneof(printable, tricky, paths), (text) => {
      expect(nameOf(text) ?? 'refused').toMatch(/^[^./\\~][^/\\]*$/)
    }),
    { numRuns: 500 },
  )
})
