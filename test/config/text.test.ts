/** The pure parts: literal inputs and results. */
import { describe, expect, test } from 'vitest'
import { locationText, parseLocation } from '../../src/config/location.ts'
import { domainIdentity, domainNameMistake, repoNameMistake } from '../../src/config/naming.ts'
import { nginxTextMistake } from '../../src/config/nginx-text.ts'
import { positionAt } from '../../src/config/position.ts'
import { problemText } from '../../src/config/report.ts'
import { listed, nearest } from '../../src/config/suggest.ts'
import { parseListen, parseSize, parseStatus, withDomain } from '../../src/config/values.ts'

describe('addresses to listen on', () => {
  test.each([
    [80, { host: undefined, port: 80 }],
    ['8080', { host: undefined, port: 8080 }],
    ['*:80', { host: undefined, port: 80 }],
    ['127.0.0.1:2222', { host: '127.0.0.1', port: 2222 }],
    ['localhost:65535', { host: 'localhost', port: 65535 }],
    ['[::1]:443', { host: '::1', port: 443 }],
    ['0', undefined],
    ['65536', undefined],
    ['::1:80', undefined],
    ['[127.0.0.1]:80', undefined],
    ['300.1.1.1:80', undefined],
    ['host', undefined],
    ['host:', undefined],
    ['a b:80', undefined],
    ['http://host:80', undefined],
    [-1, undefined],
    [1.5, undefined],
  ])('%j', (value, expected) => {
    expect(parseListen(value)).toEqual(expected)
  })
})

test.each([
  [1048576, 1048576],
  ['1', 1],
  ['1GiB', 1073741824],
  ['1.5 MiB', 1572864],
  ['2kB', 2000],
  ['1TB', 1000000000000],
  [0, undefined],
  ['-1', undefined],
  ['1gib', undefined],
  ['GiB', undefined],
  ['1 constructor', undefined],
  ['99999999TiB', undefined],
])('the size %j', (value, expected) => {
  expect(parseSize(value)).toBe(expected)
})

test.each([
  [200, { min: 200, max: 200 }],
  ['200-399', { min: 200, max: 399 }],
  ['200 - 204', { min: 200, max: 204 }],
  ['600', undefined],
  ['99', undefined],
  ['300-200', undefined],
  ['2xx', undefined],
])('the status %j', (value, expected) => {
  expect(parseStatus(value)).toEqual(expected)
})

test('{domain} is replaced wherever it stands, and by nothing but the name', () => {
  expect(withDomain('/etc/{domain}/{domain}.crt', '$&.example.com')).toBe(
    '/etc/$&.example.com/$&.example.com.crt',
  )
})

describe('locations', () => {
  test.each([
    ['/', '/'],
    ['/a/b.c', '/a/b.c'],
    ['= /x', '= /x'],
    ['=/x', '= /x'],
    ['  ^~   /x ', '^~ /x'],
    ['~ \\.png$', '~ \\.png$'],
    ['~* \\.(?:png|jpg)$', '~* \\.(?:png|jpg)$'],
    ['~*\\.png$', '~* \\.png$'],
    ['~ "^/[a-z]{2}/ ;"', '~ "^/[a-z]{2}/ ;"'],
    ['"/with space"', '"/with space"'],
    ['/grüße', '/grüße'],
  ])('%j is one', (key, text) => {
    expect(typeof parseLocation(key)).toBe('object')
    expect(locationText(key)).toBe(text)
  })

  test.each([
    '',
    '=',
    'x',
    '@name',
    '/a b',
    '/a;b',
    '/a{b',
    '/a}b',
    '/a"b',
    "/a'b",
    '/a\\',
    '/a\\ b',
    '/a\nb',
    '/a\u0000b',
    '~ x{2}',
    '~ a b',
    '~ "a" { } location "/b"',
    '"/a" "b"',
    '"/a\\"',
    '"/a\n"',
    '~ #a',
  ])('%j is none', (key) => {
    expect(typeof parseLocation(key)).toBe('string')
  })
})

describe('nginx text', () => {
  test.each([
    '',
    '\n  # only a comment }\n',
    'gzip off;',
    'gzip off; # without an end of line',
    'add_header X "a;}{b\\"c" always;\nadd_header Y \'}\';',
    'location /x { return 301 https://$host$request_uri; }',
    'if ($a ~ "^x{2}$") { set $b ${c}d; }',
    'rewrite ^/a#b(.*)$ /$1;',
    'location ~ ^/it\\;s$ { deny all; }',
    'content_by_lua_block { local t = { a = 1 } -- }\n ngx.say("}") }',
  ])('%j stays in its block', (text) => {
    expect(nginxTextMistake(text)).toBeUndefined()
  })

  test.each([
    ['gzip off', 'the directive `gzip` is not ended by a `;`'],
    ['gzip off # ;', 'the directive `gzip` is not ended by a `;`'],
    ['gzip off;\\', 'the directive `\\` is not ended by a `;`'],
    ['} server {', 'there is a `}` without its `{`; it would end the block around this text'],
    [
      'location /x { deny all; } }',
      'there is a `}` without its `{`; it would end the block around this text',
    ],
    ['location /x { deny all }', 'the directive `deny` is not ended by a `;`'],
    ['location /x {', 'a `{` is not closed by a `}`'],
    ['return 200 "x;', 'a " is not closed'],
    ["return 200 'x\\';", "a ' is not closed"],
    [';', 'there is a `;` without a directive before it'],
    ['content_by_lua_block { if x then { }', 'a `{` is not closed by a `}`'],
  ])('%j does not', (text, expected) => {
    expect(nginxTextMistake(text)).toBe(expected)
  })
})

describe('names', () => {
  test.each([
    'example.com',
    '*.example.com',
    'localhost',
    'a_b.example.com',
    'xn--mnchen-3ya.de',
    'example.com.',
    '192.0.2.1',
  ])('%s can be a domain', (name) => {
    expect(domainNameMistake(name)).toBeUndefined()
  })

  test.each([
    '_',
    '',
    '*',
    '*.',
    '.example.com',
    'a.*.b',
    '-a.com',
    'a-.com',
    'a/b',
    'a b',
    `${'a'.repeat(64)}.com`,
    `${'a.'.repeat(127)}com`,
  ])('%j cannot', (name) => {
    expect(domainNameMistake(name)).toContain('is not a domain name')
  })

  test('case and a dot at the end make no difference between domains', () => {
    expect(domainIdentity('WWW.Example.com.')).toBe('www.example.com')
  })

  test.each(['node-js-sample', 'a.b_c', 'größe', '1'])('%s can be a repo', (name) => {
    expect(repoNameMistake(name)).toBeUndefined()
  })
})

describe('suggestions', () => {
  const keys = ['cmd', 'process_count', 'env', 'nginx_extra_config', 'nginx_extra_upstream_config']

  test.each([
    ['proces_count', 'process_count'],
    ['ProcessCount', 'process_count'],
    ['process-count', 'process_count'],
    ['cdm', 'cmd'],
    ['nginx_extra', 'nginx_extra_config'],
    ['command_line', undefined],
    ['x', undefined],
  ])('for %s', (word, expected) => {
    expect(nearest(word, keys)).toBe(expected)
  })

  test('lists are cut to what can be read', () => {
    expect(listed([])).toBe('none')
    expect(listed(['a', 'b'])).toBe('`a`, `b`')
    const many = Array.from({ length: 12 }, (_, index) => String(index))
    expect(listed(many)).toBe('`0`, `1`, `2`, `3`, `4`, `5`, `6`, `7`, `8`, `9` and 2 more')
  })
})

test('lines and columns count from one', () => {
  expect(positionAt('a\nbc', 0)).toEqual({ line: 1, column: 1 })
  expect(positionAt('a\nbc', 3)).toEqual({ line: 2, column: 2 })
  expect(positionAt('a\r\nbc', 3)).toEqual({ line: 2, column: 1 })
})

test('a problem reads as compilers write theirs', () => {
  const problem = { file: '/etc/pypaas/pypaas.yml', line: 3, column: 5, message: 'wrong' }
  expect(problemText(problem)).toBe('/etc/pypaas/pypaas.yml:3:5: wrong')
})
