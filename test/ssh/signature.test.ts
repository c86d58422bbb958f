import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { verifySignature } from '../../src/ssh/signature.ts'
import { makeSecurityKey } from './security-key.ts'
import { rsaBlob } from './wire.ts'

const data = Buffer.from('session id and request')

describe.each(['ed25519', 'ecdsa'] as const)('a signature of a security key (%s)', (kind) => {
  // Numbers of any length come up when a signature is made many times.
  test('is right however its numbers come out', () => {
    const { type, blob, sign: make } = makeSecurityKey(kind)
    for (let round = 0; round < 300; round++) {
      expect(verifySignature({ type, blob, rsaHash: undefined, data, signature: make(data) })).toBe(true)
    }
  })

  test('is wrong without a touch, for other data, of another key, or changed anywhere', () => {
    const key = makeSecurityKey(kind)
    const check = (signature: Buffer, changes = {}): boolean =>
      verifySignature({ type: key.type, blob: key.blob, rsaHash: undefined, data, signature, ...changes })
    const signature = key.sign(data)
    expect(check(signature)).toBe(true)
    expect(check(key.sign(data, 0))).toBe(false)
    // 4 is "the user was verified", which is no touch.
    expect(check(key.sign(data, 4))).toBe(false)
    expect(check(key.sign(data, 5))).toBe(true)
    expect(check(signature, { data: Buffer.from('other') })).toBe(false)
    expect(check(signature, { blob: makeSecurityKey(kind).blob })).toBe(false)
    expect(check(signature, { type: 'ssh-ed25519' })).toBe(false)
    for (let at = 0; at < signature.length; at++) {
      const changed = Buffer.from(signature)
      changed[at] = (changed[at] ?? 0) ^ 2
      expect(check(changed), `byte ${at}`).toBe(false)
    }
    for (let length = 0; length < signature.length; length++) {
      expect(check(signature.subarray(0, length)), `${length} bytes`).toBe(false)
    }
    expect(check(Buffer.concat([signature, Buffer.from([0])]))).toBe(false)
  })

  test('is wrong for another application', () => {
    const key = makeSecurityKey(kind, 'ssh:')
    const other = Buffer.from(key.blob.toString('latin1').replace('ssh:', 'ssh;'), 'latin1')
    const signature = key.sign(data)
    expect(verifySignature({ type: key.type, blob: other, rsaHash: undefined, data, signature })).toBe(false)
  })
})

test('RSA passes with SHA-256 and SHA-512, never with SHA-1', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = { type: 'ssh-rsa', blob: rsaBlob(publicKey.export({ format: 'jwk' })), data }
  const check = (rsaHash: string | undefined, hash: string): boolean =>
    verifySignature({ ...key, rsaHash, signature: sign(hash, data, privateKey) })
  expect(check('sha256', 'sha256')).toBe(true)
  expect(check('sha512', 'sha512')).toBe(true)
  expect(check('sha512', 'sha256')).toBe(false)
  expect(check('sha1', 'sha1')).toBe(false)
  expect(check(undefined, 'sha1')).toBe(false)
})
