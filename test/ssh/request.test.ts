import { describe, expect, test } from 'vitest'
import { PypaasError } from '../../src/errors.ts'
import { parseCommandLine, repoCandidates, repoNameOf } from '../../src/ssh/request.ts'

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof PypaasError) return error.code
    throw error
  }
  return 'nothing was thrown'
}

describe('a command line', () => {
  test.each([
    ['', []],
    ['  \t ', []],
    ['list', ['list']],
    ["git-receive-pack 'node-js-sample.git'", ['git-receive-pack', 'node-js-sample.git']],
    ["git-receive-pack '/node-js-sample'", ['git-receive-pack', '/node-js-sample']],
    ['git receive-pack web', ['git-receive-pack', 'web']],
    ["git upload-pack 'web'", ['git-upload-pack', 'web']],
    ['git status', ['git', 'status']],
    ["a  b\t'c d'  e", ['a', 'b', 'c d', 'e']],
    [`'it'\\''s' a'b'"c"d`, ["it's", 'abcd']],
    [`'what'\\!''`, ['what!']],
    [`"say \\"hi\\"" "back\\\\slash" "c:\\new"`, ['say "hi"', 'back\\slash', 'c:\\new']],
    [`one\\ word \\' \\"`, ['one word', "'", '"']],
    [`'' "" x`, ['', '', 'x']],
    ['naïve 日本 ☃', ['naïve', '日本', '☃']],
  ])('%j is split into %j', (text, words) => {
    expect(parseCommandLine(text)).toEqual(words)
  })

  test('holds nothing that is expanded or run', () => {
    expect(parseCommandLine('a $HOME `id` $(id) ;b |c &d <e >f *? ~ #g {1,2}')).toEqual([
      'a',
      '$HOME',
      '`id`',
      '$(id)',
      ';b',
      '|c',
      '&d',
      '<e',
      '>f',
      '*?',
      '~',
      '#g',
      '{1,2}',
    ])
    expect(parseCommandLine('list;rm -rf /&&x')).toEqual(['list;rm', '-rf', '/&&x'])
    expect(parseCommandLine('"$HOME \\$x `y`"')).toEqual(['$HOME \\$x `y`'])
  })

  test.each([
    'list\nrebuild',
    'list\r',
    'li\0st',
    "'a\nb'",
    '\u001b[31m',
    'a\u007f',
    'a\u009bb',
    "it's",
    '"open',
    'end\\',
    'x'.repeat(8193),
  ])('%j is refused as wrong usage', (text) => {
    expect(codeOf(() => parseCommandLine(text))).toBe('usage')
  })
})

describe('the name of a repo', () => {
  test.each([
    'node-js-sample',
    'node-js-sample.git',
    '/node-js-sample',
    '/node-js-sample.git',
    '~/node-js-sample',
    '/~/node-js-sample',
    '~/node-js-sample.git',
  ])('%j is node-js-sample', (argument) => {
    expect(repoNameOf(argument)).toBe('node-js-sample')
  })

  test('may hold dots and dashes, even two', () => {
    expect(repoNameOf('a..b-c.d')).toBe('a..b-c.d')
    expect(repoNameOf('x.git.git')).toBe('x.git')
  })

  test('that ends in .git may be meant literally', () => {
    expect(repoCandidates('/x.git')).toEqual(['x.git', 'x'])
    expect(repoCandidates('x')).toEqual(['x'])
  })

  test.each([
    '',
    '/',
    '~',
    '~/',
    '.',
    '..',
    '../x',
    '/../x',
    '~/../x',
    'a/b',
    'a/../b',
    'x/',
    '//x',
    '/etc/passwd',

    '.git',
    '.hidden',
    '~root/x',
    '~root',
    '..git',
    'a\0b',
    'a\nb',
    'a\\b',
    '~/~/x',
    '/home/deploy/repos/x',
    '..\\x',
  ])('%j is refused as not allowed, in one line', (argument) => {
    expect(codeOf(() => repoNameOf(argument))).toBe('denied')
    expect(() => repoNameOf(argument)).toThrow(/^"[^\n]*" is not the name of a repo$/)
  })
})
