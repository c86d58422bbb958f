import { expect, test } from 'vitest'
import { execWords } from '../../src/services/command-line.ts'

test.each([
  ['npm start', 'npm start'],
  ['  npm start  ', 'npm start'],
  ['exec npm start', 'npm start'],
  ['node -e "a; b && c"', 'node -e "a; b && c"'],
  ["node 'it;s' \\; x", "node 'it;s' \\; x"],
  ['node server.js --port $PORT', 'node server.js --port $PORT'],
  ['node server.js 2>&1 >log', 'node server.js 2>&1 >log'],
  ['NODE_ENV=x A="b c" node .', 'env NODE_ENV=x A="b c" node .'],
])('`%s` is a simple command', (cmd, words) => {
  expect(execWords(cmd)).toBe(words)
})

test.each([
  ['cd app && node server.js', `sh -c 'cd app && exec node server.js'`],
  ['a; B=1 b', `sh -c 'a; exec env B=1 b'`],
  ['a\nb', `sh -c 'a\n exec b'`],
  ["echo 'x' && node .", `sh -c 'echo '\\''x'\\'' && exec node .'`],
])('in `%s` the last program takes the place of the shell', (cmd, words) => {
  expect(execWords(cmd)).toBe(words)
})

test.each([
  'exit 3',
  'a | b',
  'a || b',
  'a & b',
  'a && b &',
  'while true; do a; done',
  'a && { b; c; }',
  'if a; then b; fi; c',
  '. ./start.sh',
  'cd app',
  'node $(cat args; echo x)',
  'a && exec b',
  'a # b; c',
  'cat <<END\nx\nEND',
])('`%s` runs in a shell', (cmd) => {
  expect(execWords(cmd)).toBe(`sh -c '${cmd}'`)
})
