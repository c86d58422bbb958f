import { expect, test } from 'vitest'
import { commands } from '../../src/commands/index.ts'
import { parseRequest, type Request } from '../../src/commands/request.ts'

function run(words: string[], via: 'shell' | 'ssh' = 'shell'): object {
  const request = parseRequest(words, via)
  if (request.kind === 'help') throw new Error(request.text)
  const { spec, args, options, global } = request
  return { name: spec.name, args, options, global }
}

function help(words: string[], via: 'shell' | 'ssh' = 'shell'): Extract<Request, { kind: 'help' }> {
  const request = parseRequest(words, via)
  if (request.kind !== 'help') throw new Error(request.spec.name)
  return request
}

test('a command gets its arguments and options, and the global ones wherever they stand', () => {
  expect(run(['--home', '/h', '--json', 'status', 'web', 'main'])).toEqual({
    name: 'status',
    args: ['web', 'main'],
    options: { home: '/h', json: true },
    global: { home: '/h', json: true },
  })
  expect(run(['install', '--home', '/h', '--root', '/r'])).toMatchObject({
    options: { home: '/h', root: '/r' },
  })
  expect(run(['cleanup', '--dry-run', '--json'])).toEqual({
    name: 'cleanup',
    args: [],
    options: { dryRun: true, json: true },
    global: { json: true },
  })
  expect(run(['custom_cmds', 'web', 'main', 'a', 'b'], 'ssh')).toMatchObject({
    args: ['web', 'main', 'a', 'b'],
  })
})

test.each([
  [
    ['statsu'],
    'shell',
    "unknown command 'statsu' (Did you mean status?)",
    '`pypaas help` lists what you can do',
  ],
  [['help', 'nothing'], 'shell', "unknown command 'nothing'", '`pypaas help` lists what you can do'],
  [
    ['rebuild', 'a', 'b', 'c'],
    'shell',
    /^too many arguments for 'rebuild'/,
    'usage: pypaas rebuild [--wait <seconds>] [repo] [branch]',
  ],
  [
    ['--home', 'rebuild', 'custom_cmds', 'a'],
    'shell',
    "missing required argument 'branch'",
    'usage: pypaas custom_cmds <repo> <branch> <cmd...>',
  ],
  [
    ['cleanup', '--dry'],
    'shell',
    "unknown option '--dry'",
    'usage: pypaas cleanup [--dry-run] [--wait <seconds>]',
  ],
  [
    ['status', '--home', '/'],
    'ssh',
    "unknown option '--home'",
    'usage: ssh deploy@host status [repo] [branch]',
  ],
  [
    ['--home', '/', 'status'],
    'ssh',
    "unknown option '--home'",
    '`ssh deploy@host help` lists what you can do',
  ],
  [['reboot'], 'ssh', "unknown command 'reboot'", '`ssh deploy@host help` lists what you can do'],
] as const)('`%s` from the %s is wrong usage: %s', (words, via, message, hint) => {
  expect(() => parseRequest(words, via)).toThrow(message)
  expect(() => parseRequest(words, via)).toThrow(
    expect.objectContaining({ code: 'usage', exitStatus: 2, hint }),
  )
})

test.each(commands.filter(({ ssh }) => !ssh).map(({ name }) => name))(
  '`%s` does not come over SSH, nor its help',
  (name) => {
    const refused = expect.objectContaining({ code: 'denied', exitStatus: 3 }) as Error
    const words = name.split(' ')
    expect(() => parseRequest(words, 'ssh')).toThrow(refused)
    expect(() => parseRequest(['help', ...words], 'ssh')).toThrow(refused)
  },
)

function names(text: string, word: string): boolean {
  return new RegExp(`^  ${word} `, 'm').test(text)
}

/** In the help, and the second of two words in that of the first. */
function isListed(name: string, via: 'shell' | 'ssh'): boolean {
  const [first = '', second] = name.split(' ')
  if (!names(help(['help'], via).text, first)) return false
  return second === undefined || names(help(['help', first], via).text, second)
}

test('help lists the commands of the entrance, and tells how one is used', () => {
  const shell = help(['help'])
  expect(shell.status).toBe(0)
  expect(shell.text).toMatch(/^Usage: pypaas \[options\] <command>$/m)
  for (const { name, hidden } of commands) {
    expect([name, isListed(name, 'shell')]).toEqual([name, hidden !== true])
  }
  const ssh = help(['help'], 'ssh')
  expect(ssh.text).toMatch(
    /^Usage: git push deploy@host:<repo> <branch>\n {7}git clone deploy@host:<repo>\n\nUsage: ssh deploy@host <command>$/m,
  )
  for (const { name, hidden, ssh: comes } of commands) {
    expect([name, isListed(name, 'ssh')]).toEqual([name, comes && hidden !== true])
  }
  expect(help(['help', 'cleanup'])).toMatchObject({ status: 0, text: help(['cleanup', '--help']).text })
  expect(help(['help', 'cleanup']).text).toMatch(
    /^Usage: pypaas cleanup \[--dry-run\] \[--wait <seconds>\]\n[^]*^ {2}--dry-run +show what would be removed$/m,
  )
  expect(help(['help', 'restart'], 'ssh').text).toMatch(
    /^Usage: ssh deploy@host restart \[--wait <seconds>\] \[repo\] \[branch\]\n/,
  )
})

test('commands of two words have their help, and a mistake in them the usage', () => {
  const group = help(['help', 'artifact'])
  expect(group.status).toBe(0)
  expect(group.text).toMatch(/^Usage: pypaas artifact <command>\n[^]*^ {2}put <app> <version> <file> /m)
  expect(help(['artifact', 'put', '--help']).text).toMatch(/^Usage: pypaas artifact put \[--target <name>\]/)
  const cases: [string[], string, RegExp][] = [
    [['artifact'], '`artifact` is followed by what to do', /`pypaas help artifact`/],
    [['artifact', 'putt'], "unknown command 'putt' (Did you mean put?)", /`pypaas help artifact`/],
    [['artifact', 'apps', '--nonsense'], "unknown option '--nonsense'", /^usage: pypaas artifact apps /],
    [['artifact', 'put', 'x'], "missing required argument 'version'", /^usage: pypaas artifact put .*<app>/],
  ]
  for (const [words, message, hint] of cases) {
    expect(() => parseRequest(words, 'shell')).toThrow(
      expect.objectContaining({ code: 'usage', message, hint: expect.stringMatching(hint) as string }),
    )
  }
  const request = parseRequest(['artifact', 'gc', 'shop', '--max-versions', '3', '--json'], 'shell')
  expect(request).toMatchObject({
    kind: 'run',
    spec: { name: 'artifact gc' },
    args: ['shop'],
    options: { maxVersions: '3' },
    global: { json: true },
  })
})

test('no command is wrong usage, with the help', () => {
  expect(help([])).toMatchObject({ status: 2, text: help(['help']).text })
  expect(help(['--json'])).toMatchObject({ status: 2, text: help(['help']).text })
})
