import { expect, test } from 'vitest'
import { directivesOf, inherited, without } from '../../src/nginx/directives.ts'

const read = (text: string): string[][] => directivesOf(text).map(({ name, args }) => [name, ...args])

test('directives are read with their arguments, whatever is quoted, escaped or commented out', () => {
  expect(
    read(`
      gzip on; # gzip off;
      add_header X-Note "a; \\"b\\" { c" always;
      return 200 'it''s';
      set $name a\\;b\${other}c;
      # location /x {
      location ~ "^/a{2}" { gzip off; if ($x) { return 404; } }
      proxy_buffering off
    `),
  ).toEqual([
    ['gzip', 'on'],
    ['add_header', 'X-Note', 'a; \\"b\\" { c', 'always'],
    ['return', '200', 'it', 's'],
    ['set', '$name', 'a\\;b${other}c'],
    ['location', '~', '^/a{2}'],
  ])
})

test('a block of Lua ends where its braces do', () => {
  const text = 'content_by_lua_block { local t = { #x } -- it\'s\n ngx.say("a") }\ngzip off;'
  expect(read(text)).toEqual([['content_by_lua_block'], ['gzip', 'off']])
})

test('text that nginx would refuse is read as far as it goes', () => {
  expect(read('} a b; "open')).toEqual([['a', 'b']])
  expect(read('location / { gzip on;')).toEqual([['location', '/']])
  expect(read('')).toEqual([])
})

test("ours give way to the operator's: by name, and in lists by their first argument", () => {
  const ours = directivesOf(
    'gzip on; proxy_set_header Host a; proxy_set_header X-Real-IP b; if ($x) { return 1; }',
  )
  const theirs = directivesOf('gzip off; proxy_set_header host c; if ($y) { return 2; }')
  expect(without(ours, theirs).map(({ text }) => text)).toEqual([
    'proxy_set_header X-Real-IP b;',
    'if ($x) { return 1; }',
  ])
})

test('a location repeats the lists that it would not inherit, and no others', () => {
  const server = directivesOf('gzip on; proxy_set_header Host a; proxy_set_header X-A b; add_header X-B c;')
  const location = directivesOf('proxy_set_header x-a own; expires 1d;')
  expect(inherited(server, location).map(({ text }) => text)).toEqual(['proxy_set_header Host a;'])
  expect(inherited(server, directivesOf('expires 1d;'))).toEqual([])
})

test('Lua for one phase is there once, as a block, a file or text', () => {
  const ours = directivesOf('log_by_lua_block { one() } gzip on; rewrite_by_lua_block { two() }')
  const theirs = directivesOf('log_by_lua_file /etc/log.lua;')
  expect(without(ours, theirs).map(({ name }) => name)).toEqual(['gzip', 'rewrite_by_lua_block'])
})
