import { expect, test } from 'vitest'
import { parseRequirements } from '../../src/build/requirements.ts'

test('packages of an index depend on nothing but the text', () => {
  const text = `
# the web
Flask==3.0.0  # pinned
requests[socks]>=2 ; python_version > "3.8"
uwsgi==2.0.31 \\
    --hash=sha256:0123 \\
    --hash=sha256:4567
--extra-index-url https://pypi.example.com/simple
-i https://pypi.example.com/simple
--find-links https://wheels.example.com/
git+https://github.com/pallets/click.git@0123456789012345678901234567890123456789#egg=click
wheel @ https://example.com/wheel-1.0-py3-none-any.whl#sha256=00ff
`
  expect(parseRequirements(text)).toEqual({ includes: [], unkeyable: undefined })
})

test('files that belong to it are named', () => {
  const text =
    '-r base.txt\n-rdev.txt\n--requirement "more files.txt"\n-c constraints.txt\n--constraint=../all.txt\n'
  expect(parseRequirements(text)).toEqual({
    includes: ['base.txt', 'dev.txt', 'more files.txt', 'constraints.txt', '../all.txt'],
    unkeyable: undefined,
  })
})

test.each([
  '-e .',
  '--editable=lib',
  './lib',
  '../lib[extra]',
  'vendor/lib-1.0.whl',
  'lib-1.0-py3-none-any.whl',
  'lib @ file:///srv/lib',
  'git+https://github.com/pallets/click.git@main',
  'git+ssh://git@github.com/pallets/click.git',
  'https://example.com/archive/main.zip',
  '-r https://example.com/requirements.txt',
  '--find-links wheels',
])('%s makes it depend on more than the text', (line) => {
  expect(parseRequirements(`Flask\n${line}\n`)).toEqual({ includes: [], unkeyable: line })
})
