import { execFile } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { type Paths, pathsOf } from '../../src/paths.ts'
import {
  forcedCommand,
  rebuildAuthorizedKeys,
  renderAuthorizedKeys,
  sortLines,
} from '../../src/ssh/authorized-keys.ts'
import type { Key } from '../../src/ssh/keys.ts'
import { temporaryDirectory } from '../support/context.ts'
import { makeKey, safeDirectory, sshOptions, startSshd } from '../support/ssh.ts'
import { makeSecurityKey, startAgent } from './security-key.ts'

const run = promisify(execFile)
const PREFIX = ['/usr/bin/node', '/opt/pypaas/dist/pypaas.js', '--home', '/home/deploy']
const OURS =
  '# Written by `pypaas rebuild_authorized_keys` from authorized_keys.d/: changes to these lines are lost.'
const FOREIGN = '# Not written by pypaas, and kept as it is.'

function key(name: string, blob = 'AAAA'): Key {
  return { name, type: 'ssh-ed25519', blob, comment: 'c', file: `d/${name}`, line: 1 }
}

async function home(files: Record<string, string> = {}): Promise<Paths> {
  const paths = pathsOf(await temporaryDirectory())
  await mkdir(paths.authorizedKeysDir, { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(paths.authorizedKeysDir, name), text)
  return paths
}

test('a key gets one line with everything switched off and a command that names it', () => {
  expect(
    renderAuthorizedKeys([key('alice'), key('bob@work', 'BBBB')], [], (one) => forcedCommand(PREFIX, one)),
  ).toBe(
    [
      OURS,
      'restrict,command="/usr/bin/node /opt/pypaas/dist/pypaas.js --home /home/deploy ssh alice" ssh-ed25519 AAAA alice',
      'restrict,command="/usr/bin/node /opt/pypaas/dist/pypaas.js --home /home/deploy ssh bob@work" ssh-ed25519 BBBB bob@work',
      '',
    ].join('\n'),
  )
})

test('lines of others stay behind ours', () => {
  expect(
    renderAuthorizedKeys([key('alice')], ['# admin', 'ssh-ed25519 ADMIN root'], () => 'x ssh alice'),
  ).toBe(
    [
      OURS,
      'restrict,command="x ssh alice" ssh-ed25519 AAAA alice',
      '',
      FOREIGN,
      '# admin',
      'ssh-ed25519 ADMIN root',
      '',
    ].join('\n'),
  )
})

test('a command is quoted for the shell, and then for authorized_keys', () => {
  expect(forcedCommand(['/opt/my "node"', "it's", '$x', '--home=/a,b'], key('al'))).toBe(
    `'/opt/my "node"' 'it'\\''s' '$x' --home=/a,b ssh al`,
  )
  const text = renderAuthorizedKeys([key('al')], [], (one) => forcedCommand(['/o "p"'], one))
  expect(text).toContain(`restrict,command="'/o \\"p\\"' ssh al" ssh-ed25519 AAAA al\n`)
  expect(() => forcedCommand(['a\nb'], key('al'))).toThrow('"a\\nb" cannot stand in authorized_keys')
})

test('our own lines are known again wherever pypaas was installed, and nothing else is taken for ours', () => {
  const others = [
    'restrict,command="borg serve" ssh-ed25519 AAAA backup',
    'restrict,command="/x/pypaas ssh alice" ssh-ed25519 AAAA bob',
    'command="/x/pypaas ssh alice" ssh-ed25519 AAAA alice',
    '# restrict,command="/x ssh alice" ssh-ed25519 AAAA alice',
  ]
  const old = 'restrict,command="\'/old \\"place\\"\' --home /h ssh alice" ssh-ed25519 AAAA alice'
  expect(sortLines(['', OURS, old, ...others, ''].join('\n'))).toEqual({ foreign: others, predecessors: [] })
})

test('lines of pyPaaS are told apart', () => {
  const line =
    'command="/home/deploy/venv/bin/pypaas $SSH_ORIGINAL_COMMAND",no-pty,no-port-forwarding ssh-rsa AAAA a@b'
  const quoted = 'no-pty,command="pypaas \\"$SSH_ORIGINAL_COMMAND\\"" ssh-rsa BBBB'
  expect(sortLines(`ssh-rsa CCCC admin\n${line}\n# ${line}\n${quoted}\n`)).toEqual({
    foreign: ['ssh-rsa CCCC admin', `# ${line}`],
    predecessors: [
      { text: line, line: 2 },
      { text: quoted, line: 4 },
    ],
  })
})

test('building twice gives the same bytes, and lines of others survive in their order', async () => {
  const dir = await temporaryDirectory()
  const alice = await makeKey(dir, 'alice')
  const admin = await makeKey(dir, 'admin')
  const paths = await home({ 'alice.pub': `${alice.line}\nnonsense\n` })
  await writeFile(paths.authorizedKeys, `\n# the admin\r\n\nfrom="10.0.0.1" ${admin.line}`, { mode: 0o644 })
  const first = await rebuildAuthorizedKeys(paths, PREFIX)
  const text = await readFile(paths.authorizedKeys, 'utf8')
  const [type, blob] = alice.line.split(' ')
  expect(text).toBe(
    [
      OURS,
      `restrict,command="${PREFIX.join(' ')} ssh alice" ${type} ${blob} alice`,
      '',
      FOREIGN,
      '# the admin\r',
      '',
      `from="10.0.0.1" ${admin.line}`,
      '',
    ].join('\n'),
  )
  expect(first).toMatchObject({ path: paths.authorizedKeys, kept: 1, keys: [{ name: 'alice' }] })
  expect(first.problems.map(({ line, message }) => [line, message])).toEqual([
    [2, 'this is not a public key'],
  ])
  await rebuildAuthorizedKeys(paths, PREFIX)
  expect(await readFile(paths.authorizedKeys, 'utf8')).toBe(text)
  // Somebody adds a line at the end, and the key goes.
  await writeFile(paths.authorizedKeys, `${text}ssh-ed25519 MORE more\n`)
  await rm(join(paths.authorizedKeysDir, 'alice.pub'))
  expect(await rebuildAuthorizedKeys(paths, ['/elsewhere/pypaas'])).toMatchObject({ kept: 2, keys: [] })
  expect((await readFile(paths.authorizedKeys, 'utf8')).split('\n')).toEqual([
    OURS,
    '',
    FOREIGN,
    '# the admin\r',
    '',
    `from="10.0.0.1" ${admin.line}`,
    'ssh-ed25519 MORE more',
    '',
  ])
})

test('a key that also has a line of its own, and lines of pyPaaS, are reported', async () => {
  const dir = await temporaryDirectory()
  const [alice, bob, gone] = await Promise.all(['alice', 'bob', 'gone'].map((name) => makeKey(dir, name)))
  const paths = await home({ alice: alice?.line ?? '', bob: bob?.line ?? '' })
  const old = 'command="/venv/bin/pypaas $SSH_ORIGINAL_COMMAND",no-pty'
  await writeFile(
    paths.authorizedKeys,
    [`${alice?.line}`, `${old} ${bob?.line}`, `${old} ${gone?.line}`].join('\n'),
  )
  const { problems, kept } = await rebuildAuthorizedKeys(paths, PREFIX)
  expect(kept).toBe(1)
  expect(problems.map(({ line, message, leftOut }) => [line, leftOut, message])).toEqual([
    [2, false, 'a line of pyPaaS was replaced (bob)'],
    [3, true, 'a line of pyPaaS was removed, and its key is not in authorized_keys.d'],
    [
      undefined,
      false,
      'the key of alice also has a line that pypaas did not write; the one for pypaas counts',
    ],
  ])
  expect(await readFile(paths.authorizedKeys, 'utf8')).not.toContain('SSH_ORIGINAL_COMMAND')
})

test('permissions are what StrictModes wants, on a new home and on a sloppy one', async () => {
  const paths = pathsOf(await temporaryDirectory())
  const modes = async (): Promise<string[]> =>
    Promise.all(
      [paths.sshDir, paths.authorizedKeysDir, paths.authorizedKeys].map(async (path) =>
        ((await stat(path)).mode & 0o777).toString(8),
      ),
    )
  expect((await rebuildAuthorizedKeys(paths, PREFIX)).problems).toEqual([])
  expect(await modes()).toEqual(['700', '700', '600'])
  await chmod(paths.sshDir, 0o777)
  await chmod(paths.authorizedKeysDir, 0o755)
  await chmod(paths.authorizedKeys, 0o666)
  await chmod(paths.home, 0o775)
  const { problems } = await rebuildAuthorizedKeys(paths, PREFIX)
  expect(await modes()).toEqual(['700', '700', '600'])
  expect(problems).toEqual([
    {
      file: paths.home,
      line: undefined,
      message: 'the home can be written to by others, so sshd lets no key in',
      hint: `chmod go-w ${paths.home}`,
      leftOut: false,
    },
  ])
  expect(await readdir(paths.sshDir)).toEqual(['authorized_keys', 'authorized_keys.d'])
})

test('a real sshd runs the command for the key that logs in, and nothing that the client adds to it', async () => {
  const safe = await safeDirectory()
  const paths = pathsOf(join(safe, "a 'home'"))
  const client = await makeKey(join(safe, 'client'), 'alice')
  const old = await makeKey(join(safe, 'client'), 'old', 'rsa', 2048)
  const stranger = await makeKey(join(safe, 'client'), 'stranger')
  const token = makeSecurityKey('ed25519')
  await mkdir(paths.authorizedKeysDir, { recursive: true })
  await writeFile(
    join(paths.authorizedKeysDir, 'alice@home.pub'),
    `# two keys\r\n\r\n${client.line}\r\n${old.line}`,
  )
  await writeFile(join(paths.authorizedKeysDir, 'carol'), `broken line\n${token.line}\n`)
  // Stands for pypaas: tells its words and what the client asked for.
  const program = join(paths.home, 'say "$it".sh')
  await writeFile(program, `printf '<%s>' "$@" "$SSH_ORIGINAL_COMMAND"; tty -s && echo terminal; exit 7\n`)
  const { problems } = await rebuildAuthorizedKeys(paths, ['/bin/sh', program, '--home', paths.home])
  expect(problems.map(({ line, message }) => [line, message])).toEqual([[1, 'this is not a public key']])

  const { port, user } = await startSshd({
    dir: join(safe, 'sshd'),
    // sshd's own configuration has no blanks in it.
    authorizedKeys: `"${paths.authorizedKeys}"`,
    strictModes: true,
  })
  const knownHosts = join(safe, 'known_hosts')
  const ask = async (key_: { file: string; line: string }, words: string[], options: string[] = []) => {
    const argv = [...options, ...sshOptions(key_, port, knownHosts), `${user}@127.0.0.1`, ...words]
    return run('ssh', argv).then(
      ({ stdout }) => ({ code: 0, stdout }),
      ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
    )
  }
  const words = (name: string, original: string): string =>
    ['--home', paths.home, 'ssh', name, original].map((word) => `<${word}>`).join('')

  expect(await ask(client, ['list', '$HOME; id'])).toEqual({
    code: 7,
    stdout: words('alice@home', 'list $HOME; id'),
  })
  expect(await ask(old, [])).toEqual({ code: 7, stdout: words('alice@home', '') })
  expect(await ask(client, ['x'], ['-tt'])).not.toMatchObject({ stdout: expect.stringContaining('terminal') })
  expect(await ask(stranger, ['x'])).toEqual({ code: 255, stdout: '' })

  const socket = join(safe, 'agent')
  await startAgent(socket, token)
  await writeFile(join(safe, 'token.pub'), token.line)
  const touched = { file: join(safe, 'token.pub'), line: token.line }
  expect(await ask(touched, ['x'], ['-o', `IdentityAgent=${socket}`])).toEqual({
    code: 7,
    stdout: words('carol', 'x'),
  })

  // What StrictModes is about: the report says it before sshd does.
  await chmod(paths.home, 0o777)
  onTestFinished(() => chmod(paths.home, 0o700).catch(() => {}))
  expect(await ask(client, ['x'])).toEqual({ code: 255, stdout: '' })
  expect((await rebuildAuthorizedKeys(paths, ['/bin/true'])).problems).toContainEqual(
    expect.objectContaining({ message: 'the home can be written to by others, so sshd lets no key in' }),
  )
})
