import { generateKeyPairSync } from 'node:crypto'
import { mkdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { expect, test } from 'vitest'
import { pathsOf } from '../../src/paths.ts'
import { parseKeys, readKeys, watchedKeys } from '../../src/ssh/keys.ts'
import { temporaryDirectory } from '../support/context.ts'
import { makeKey } from '../support/ssh.ts'
import { rsaBlob, string } from './wire.ts'

function blobOf(...fields: (string | Buffer)[]): string {
  return Buffer.concat(fields.map(string)).toString('base64')
}

const POINT = Buffer.alloc(32, 7)
const ED25519 = `ssh-ed25519 ${blobOf('ssh-ed25519', POINT)}`
const SECURITY_KEY = `sk-ssh-ed25519@openssh.com ${blobOf('sk-ssh-ed25519@openssh.com', POINT, 'ssh:')}`

function messagesOf(text: string): string[] {
  return parseKeys(text, 'alice', 'f').problems.map(({ line, message }) => `${line}: ${message}`)
}

async function home(files: Record<string, string>) {
  const paths = pathsOf(await temporaryDirectory())
  await mkdir(paths.authorizedKeysDir, { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(paths.authorizedKeysDir, name), text)
  return paths
}

test('every type that OpenSSH makes is read', async () => {
  const dir = await temporaryDirectory()
  const made = await Promise.all([
    makeKey(dir, 'ed25519'),
    makeKey(dir, 'rsa', 'rsa', 2048),
    makeKey(dir, 'p256', 'ecdsa', 256),
    makeKey(dir, 'p384', 'ecdsa', 384),
    makeKey(dir, 'p521', 'ecdsa', 521),
  ])
  const point = Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 5)])
  const type = 'sk-ecdsa-sha2-nistp256@openssh.com'
  const security = `${type} ${blobOf(type, 'nistp256', point, 'ssh:')} token`
  const text = [...made.map(({ line }) => line), `${SECURITY_KEY} token`, security].join('\n')
  const { keys, problems } = parseKeys(text, 'alice', 'f')
  expect(problems).toEqual([])
  expect(keys.map((key) => [key.type, key.comment, key.line])).toEqual([
    ['ssh-ed25519', 'ed25519@test', 1],
    ['ssh-rsa', 'rsa@test', 2],
    ['ecdsa-sha2-nistp256', 'p256@test', 3],
    ['ecdsa-sha2-nistp384', 'p384@test', 4],
    ['ecdsa-sha2-nistp521', 'p521@test', 5],
    ['sk-ssh-ed25519@openssh.com', 'token', 6],
    ['sk-ecdsa-sha2-nistp256@openssh.com', 'token', 7],
  ])
})

test('blank lines, comments, CRLF, a byte order mark and a missing line end are no trouble', () => {
  const text = `\uFEFF# the laptop\r\n\r\n  ${ED25519} alice at home\r\n\t# old\r\n${SECURITY_KEY}`
  const { keys, problems } = parseKeys(text, 'alice', 'f')
  expect(problems).toEqual([])
  expect(keys.map(({ type, comment, line }) => [type, comment, line])).toEqual([
    ['ssh-ed25519', 'alice at home', 3],
    ['sk-ssh-ed25519@openssh.com', '', 5],
  ])
})

test('a bad line is left out, with its number and the reason, and the others stay', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
  const short = rsaBlob(rsa).toString('base64')
  const text = [
    'nonsense',
    'ssh-ed25519',
    'ssh-ed25519 !!!!',
    `ssh-ed25519 ${blobOf('ssh-ed25519', Buffer.alloc(31))}`,
    `ssh-rsa ${blobOf('ssh-ed25519', POINT)}`,
    `${ED25519.slice(0, -8)} cut`,
    `ssh-dss ${blobOf('ssh-dss')}`,
    `ssh-ed25519-cert-v01@openssh.com ${blobOf('x')}`,
    `cert-authority ${ED25519}`,
    `ssh-rsa ${short}`,
    `ssh-new ${blobOf('ssh-new')}`,
    `${ED25519} good`,
  ].join('\n')
  expect(parseKeys(text, 'alice', 'f').keys.map(({ comment }) => comment)).toEqual(['good'])
  expect(messagesOf(text)).toEqual([
    '1: this is not a public key',
    '2: this is not a public key',
    '3: the key is damaged or cut short',
    '4: the key is damaged or cut short',
    '5: the line says ssh-rsa but the key inside is of another type',
    '6: the key is damaged or cut short',
    '7: DSA keys (ssh-dss) are not safe and OpenSSH has given them up',
    '8: certificates are not supported',
    '9: certificate authorities (cert-authority) are not supported',
    '10: an RSA key of 1024 bits is too short; 2048 is the least',
    '11: the key type "ssh-new" is not known',
  ])
})

test('options that allow more are dropped with a note, options that limit a key refuse it', () => {
  const text = [
    `no-pty,restrict,no-port-forwarding ${ED25519}`,
    `pty,environment="A=b c,d \\"e",no-pty ${ED25519}`,
    `command="/usr/bin/backup all",no-pty ${ED25519}`,
    `from="10.0.0.0/8" ${ED25519}`,
    `verify-required ${SECURITY_KEY}`,
    `no-such-option ${ED25519}`,
    `command="open ${ED25519}`,
  ].join('\n')
  const { keys, problems } = parseKeys(text, 'alice', 'f')
  expect(keys.map(({ line }) => line)).toEqual([1, 2])
  expect(problems.map(({ line, message, leftOut }) => [line, leftOut, message])).toEqual([
    [2, false, 'not kept: pty, environment (a key can run pypaas and nothing else)'],
    [3, true, 'the option "command" limits the key in a way that pypaas cannot keep'],
    [4, true, 'the option "from" limits the key in a way that pypaas cannot keep'],
    [5, true, 'the option "verify-required" limits the key in a way that pypaas cannot keep'],
    [6, true, 'the option "no-such-option" is not known'],
    [7, true, 'a quote in the options is not closed'],
  ])
})

test('a private key or a file that is no text is one problem, not one a line', () => {
  const { private: text } = ssh2.utils.generateKeyPairSync('ed25519')
  expect(messagesOf(text)).toEqual(['undefined: this is a private key'])
  expect(messagesOf(Buffer.from(ED25519, 'utf16le').toString())).toEqual([
    'undefined: the file is not text in UTF-8',
  ])
})

test('files are read in order, hidden ones and directories passed over, and names must be safe', async () => {
  const paths = await home({
    'bob.pub': `${SECURITY_KEY} bob`,
    alice: `${ED25519} alice`,
    '.swp': 'x',
    'a b': ED25519,
    '-x': ED25519,
  })
  await mkdir(join(paths.authorizedKeysDir, 'old'))
  await symlink('nowhere', join(paths.authorizedKeysDir, 'dangling'))
  const { keys, problems } = await readKeys(paths)
  expect(keys.map(({ name }) => name)).toEqual(['alice', 'bob'])
  expect(
    problems.map(({ file, message }) => [file.slice(paths.authorizedKeysDir.length + 1), message]),
  ).toEqual([
    ['-x', 'the file name is not fit for the name of a key'],
    ['a b', 'the file name is not fit for the name of a key'],
    ['dangling', 'the file cannot be read'],
  ])
})

test('of two files with the same key the first counts, and the other is reported', async () => {
  const paths = await home({ alice: `${ED25519} a`, bob: `# b\n${ED25519} b\n` })
  const { keys, problems } = await readKeys(paths)
  expect(keys.map(({ name }) => name)).toEqual(['alice'])
  expect(problems).toEqual([
    {
      file: join(paths.authorizedKeysDir, 'bob'),
      line: 2,
      message: `the same key is in ${join(paths.authorizedKeysDir, 'alice')}:1, which counts (alice)`,
      hint: undefined,
      leftOut: true,
    },
  ])
})

test('watched keys are read again when a file changes, comes or goes, and only then', async () => {
  const paths = await home({})
  await rm(paths.authorizedKeysDir, { recursive: true })
  let readings = 0
  const keys = watchedKeys(paths, () => readings++)
  const names = async (): Promise<string[]> => (await keys()).map(({ name }) => name)
  const alice = join(paths.authorizedKeysDir, 'alice')
  expect(await names()).toEqual([])
  await mkdir(paths.authorizedKeysDir)
  await writeFile(alice, ED25519)
  expect(await names()).toEqual(['alice'])
  expect(await names()).toEqual(['alice'])
  expect(readings).toBe(2)
  await writeFile(alice, SECURITY_KEY)
  await utimes(alice, 1, 1)
  expect((await keys()).map(({ type }) => type)).toEqual(['sk-ssh-ed25519@openssh.com'])
  await rm(alice)
  expect(await names()).toEqual([])
  expect(readings).toBe(4)
})
