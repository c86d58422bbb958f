/** Checks of the signatures that log a key in. Pure. */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { PypaasError } from '../errors.ts'
import { decodePublicKey, type PublicKey, unsigned } from './public-key.ts'

export interface Signed {
  /** The type in the key's line. */
  readonly type: string
  readonly blob: Buffer
  /** RSA only: the hash of the signature's algorithm, from `rsa-sha2-256` or `rsa-sha2-512`. */
  readonly rsaHash: string | undefined
  /** What was signed. */
  readonly data: Buffer
  /** As ssh2 hands it over: DER for ECDSA, bare for all others, without the algorithm's name in front. */
  readonly signature: Buffer
}

/** Bit 0 of a security key's flags: somebody touched it (PROTOCOL.u2f, CTAP2 6.1). */
const USER_PRESENT = 1
/** Flags (1 byte) and counter (4 bytes) at the end of a security key's signature. */
const TRAILER = 5

/** Whether the key made the signature. False for anything malformed as well; RSA with SHA-1 never passes. */
export function verifySignature(signed: Signed): boolean {
  try {
    const key = decodePublicKey(signed.type, signed.blob)
    return key.application === undefined ? plain(key, signed) : touched(key, key.application, signed)
  } catch (error) {
    if (error instanceof PypaasError || isCryptoError(error)) return false
    throw error
  }
}

function plain(key: PublicKey, { rsaHash, data, signature }: Signed): boolean {
  const isRsa = key.jwk.kty === 'RSA'
  if (isRsa && rsaHash !== 'sha256' && rsaHash !== 'sha512') return false
  return verify(isRsa ? rsaHash : key.hash, data, keyObject(key), signature)
}

/** A security key signs SHA256(application) ‖ flags ‖ counter ‖ SHA256(data), and must have been touched for it. */
function touched(key: PublicKey, application: Buffer, { data, signature }: Signed): boolean {
  if (signature.length <= TRAILER) return false
  const trailer = signature.subarray(signature.length - TRAILER)
  if (((trailer[0] ?? 0) & USER_PRESENT) === 0) return false
  const message = Buffer.concat([sha256(application), trailer, sha256(data)])
  const bare = signature.subarray(0, signature.length - TRAILER)
  if (key.hash === undefined) return verify(undefined, message, keyObject(key), bare)
  const pair = concatenated(bare)
  if (pair === undefined) return false
  return verify(key.hash, message, { key: keyObject(key), dsaEncoding: 'ieee-p1363' }, pair)
}

/** Two `mpint`s of at most 32 bytes as one pair of fixed width. */
function concatenated(mpints: Buffer): Buffer | undefined {
  const pair = Buffer.alloc(64)
  let at = 0
  for (const end of [32, 64]) {
    if (at + 4 > mpints.length) return undefined
    const next = at + 4 + mpints.readUInt32BE(at)
    if (next > mpints.length) return undefined
    const digits = unsigned(mpints.subarray(at + 4, next))
    if (digits.length > 32) return undefined
    digits.copy(pair, end - digits.length)
    at = next
  }
  return at === mpints.length ? pair : undefined
}

function keyObject(key: PublicKey) {
  return createPublicKey({ key: key.jwk, format: 'jwk' })
}

function sha256(data: Buffer): Buffer {
  return createHash('sha256').update(data).digest()
}

/** OpenSSL's complaints about numbers that are no key or no signature. */
function isCryptoError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^ERR_(OSSL|CRYPTO)/.test(String(error.code))
}
