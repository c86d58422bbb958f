import { expect, test } from 'vitest'
import { planRelease, type Facts } from '../../src/releasing/plan.ts'
import { nextVersion, VERSION_FILES } from '../../src/releasing/version-files.ts'

const WISH = { version: undefined, test: undefined }

function factsOf(files: Readonly<Record<string, string>>, changes: Partial<Facts> = {}): Facts {
  return {
    branch: 'main',
    head: 'c'.repeat(40),
    changes: [],
    tags: [],
    text: (path) => files[path],
    has: (path) => path in files,
    isExecutable: () => true,
    ...changes,
  }
}

function edited(path: string, text: string): string | undefined {
  return VERSION_FILES.find((file) => file.path === path)?.withVersion(text, '2.0.0')
}

test('the version is set in every file that has one, and nothing else is changed there', () => {
  expect(edited('package.json', '{\n    "name": "shop",\n    "version": "1.0.0",\n    "x": [1]\n}\n')).toBe(
    '{\n    "name": "shop",\n    "version": "2.0.0",\n    "x": [1]\n}\n',
  )
  const lock = {
    name: 'shop',
    version: '1.0.0',
    packages: { a: { version: '1.0.0' }, '': { version: '1.0.0' } },
  }
  expect(JSON.parse(edited('package-lock.json', JSON.stringify(lock)) ?? '')).toEqual({
    ...lock,
    version: '2.0.0',
    packages: { a: { version: '1.0.0' }, '': { version: '2.0.0' } },
  })
  expect(edited('pyproject.toml', '[tool.x]\nversion = "9"\n[project]\nversion = "1.0" # now\n')).toBe(
    '[tool.x]\nversion = "9"\n[project]\nversion = "2.0.0" # now\n',
  )
  expect(edited('setup.cfg', '[metadata]\nname = shop\nversion = 1.0\n')).toBe(
    '[metadata]\nname = shop\nversion = 2.0.0\n',
  )
  expect(edited('setup.py', "setup(\n    name='shop',\n    version='1.0',\n)\n")).toBe(
    "setup(\n    name='shop',\n    version='2.0.0',\n)\n",
  )
  expect(edited('VERSION', '1.0\n')).toBe('2.0.0\n')
  expect(edited('setup.cfg', '[metadata]\nversion = attr: shop.version\n')).toBe(
    '[metadata]\nversion = attr: shop.version\n',
  )
})

test('the next version has a last number that is one higher', () => {
  expect(['1.2.9', '2.0.0-rc.1', '7', 'v3b', 'one'].map(nextVersion)).toEqual([
    '1.2.10',
    '2.0.0-rc.2',
    '8',
    'v4b',
    undefined,
  ])
})

test("without a version it is the project's own, or the next one if that has a tag", () => {
  const files = { 'package.json': '{"version": "1.2.3", "scripts": {"test": "vitest"}}' }
  expect(planRelease(factsOf(files), WISH)).toMatchObject({
    version: '1.2.3',
    tag: 'v1.2.3',
    test: 'npm test',
  })
  const again = planRelease(factsOf(files, { tags: ['1.2.3'] }), WISH)
  expect(again).toMatchObject({ version: '1.2.4', tag: '1.2.4' })
  expect([...again.edits]).toEqual([['package.json', '{"version": "1.2.4", "scripts": {"test": "vitest"}}']])
  expect(planRelease(factsOf({}, { tags: ['v1.9', 'v1.10', 'nightly'] }), WISH).tag).toBe('v1.11')
  expect(() => planRelease(factsOf({}), WISH)).toThrow('the project does not say which version it has')
})

test('what cannot be released is refused, and why is said', () => {
  const files = { 'package.json': '{"version": "1.2.3"}' }
  const release =
    (version: string | undefined, changes: Partial<Facts> = {}) =>
    () =>
      planRelease(factsOf(files, changes), { version, test: undefined })
  expect(release('1.3.0', { changes: [' M server.js', '?? notes'] })).toThrow('changes that are in no commit')
  expect(release('1.3.0', { tags: ['v1.3.0'] })).toThrow(
    '1.3.0 has been released already: there is a tag v1.3.0',
  )
  expect(release('1.3.0', { branch: undefined })).toThrow('no branch is checked out')
  expect(release('1.3')).toThrow('cannot be the version in package.json')
  for (const version of ['latest', 'a.meta', '1..2', '../1', '-1', '1.0.0;reboot', '$(reboot)', '1 2', ''])
    expect(release(version), version).toThrow('cannot be')
})

test.each([
  [{ 'scripts/test.sh': '', 'package.json': '{"scripts": {"test": "x"}}' }, './scripts/test.sh'],
  [{ 'package.json': '{"scripts": {"test": "x"}}', 'yarn.lock': '' }, 'yarn test'],
  [{ 'package.json': '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}' }, undefined],
  [{ 'pyproject.toml': '[tool.pytest.ini_options]\n' }, 'python3 -m pytest'],
  [{ 'setup.py': '', tests: '' }, 'python3 -m unittest discover'],
  [{ Makefile: 'all:\n\ntest: all\n' }, 'make test'],
  [{}, undefined],
])('a project with %o is tested by %s', (files, command) => {
  const facts = factsOf(files)
  expect(planRelease(facts, { version: '1.0.0', test: undefined }).test).toBe(command)
  expect(planRelease(facts, { version: '1.0.0', test: 'true' }).test).toBe('true')
})

test('a test script that may not be executed is run by a shell', () => {
  const facts = factsOf({ 'scripts/test.sh': '' }, { isExecutable: () => false })
  expect(planRelease(facts, { version: '1.0.0', test: undefined }).test).toBe('sh ./scripts/test.sh')
})
