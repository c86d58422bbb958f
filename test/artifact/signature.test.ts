import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { signFile, verifySignature } from '../../src/artifact/signature.ts'
import { temporaryDirectory } from '../support/context.ts'
import { run } from '../support/host.ts'

interface Signers {
  readonly directory: string
  readonly file: string
  readonly allowed: string
}

/** A file to sign, and keys of alice, who may sign, and of mallory, who may not. */
async function signers(): Promise<Signers> {
  const directory = await temporaryDirectory()
  for (const name of ['alice', 'mallory']) {
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, name)])
  }
  const file = join(directory, 'app.tar.gz')
  await writeFile(file, Buffer.alloc(100_000, 'content'))
  const allowed = join(directory, 'allowed')
  const [type, key] = (await readFile(join(directory, 'alice.pub'), 'utf8')).split(' ')
  await writeFile(allowed, `alice@example.com ${type} ${key}\n`)
  return { directory, file, allowed }
}

test('a signature tells who signed the file', async () => {
  const { directory, file, allowed } = await signers()
  const signature = await signFile(file, join(directory, 'alice'))
  expect(signature).toMatch(/^-----BEGIN SSH SIGNATURE-----\n[^]*-----END SSH SIGNATURE-----\n$/)
  expect(await verifySignature(file, signature, allowed)).toBe('alice@example.com')
  expect(await verifySignature(file, signature, allowed, 'alice@example.com')).toBe('alice@example.com')
  await expect(verifySignature(file, signature, allowed, 'bob@example.com')).rejects.toMatchObject({
    code: 'denied',
    message: 'app.tar.gz is signed by alice@example.com, not by bob@example.com',
  })
})

test('an altered file, and one that somebody else has signed, are refused', async () => {
  const { directory, file, allowed } = await signers()
  const foreign = await signFile(file, join(directory, 'mallory'))
  await expect(verifySignature(file, foreign, allowed)).rejects.toMatchObject({
    code: 'denied',
    message: 'app.tar.gz is signed by nobody who may sign',
    where: allowed,
  })
  const signature = await signFile(file, join(directory, 'alice'))
  await appendFile(file, '!')
  await expect(verifySignature(file, signature, allowed)).rejects.toMatchObject({
    code: 'denied',
    message: 'app.tar.gz is not what alice@example.com signed',
  })
  await expect(verifySignature(file, 'no signature', allowed)).rejects.toMatchObject({ code: 'denied' })
})

test('a signature for another purpose does not count', async () => {
  const { directory, file, allowed } = await signers()
  await run('ssh-keygen', ['-q', '-Y', 'sign', '-n', 'git', '-f', join(directory, 'alice'), file])
  const signature = await readFile(`${file}.sig`, 'utf8')
  await expect(verifySignature(file, signature, allowed)).rejects.toMatchObject({ code: 'denied' })
})

test('without a file of those who may sign, it is said that this is missing', async () => {
  const { directory, file } = await signers()
  const signature = await signFile(file, join(directory, 'alice'))
  await expect(verifySignature(file, signature, join(directory, 'nothing'))).rejects.toMatchObject({
    code: 'config',
    message: 'the file of those who may sign is not there, or we may not read it',
    where: join(directory, 'nothing'),
  })
})

test('a key that is not there is named', async () => {
  const { directory, file } = await signers()
  const key = join(directory, 'nobody')
  await expect(signFile(file, key)).rejects.toMatchObject({
    code: 'failed',
    message: `app.tar.gz cannot be signed with ${key}`,
  })
})
