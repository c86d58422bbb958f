/** Public keys in OpenSSH's binary form (RFC 4253 6.6, RFC 5656 3.1, RFC 8709, OpenSSH's PROTOCOL.u2f). Pure. */
import { createHash, type JsonWebKey } from 'node:crypto'
import { PypaasError } from '../errors.ts'

/** What is needed to check a signature that the key made. */
export interface PublicKey {
  readonly jwk: JsonWebKey
  /** The hash that belongs to the key's type. Undefined: chosen by the signature (RSA), or none (Ed25519). */
  readonly hash: string | undefined
  /** Of a security key (FIDO): what it was made for, mostly `ssh:`. Undefined for other keys. */
  readonly application: Buffer | undefined
}

/** bits / 8, rounded up, of a coordinate, and the hash of RFC 5656 6.2.1. */
const CURVES: Readonly<Record<string, { crv: string; bytes: number; hash: string }>> = {
  nistp256: { crv: 'P-256', bytes: 32, hash: 'sha256' },
  nistp384: { crv: 'P-384', bytes: 48, hash: 'sha384' },
  nistp521: { crv: 'P-521', bytes: 66, hash: 'sha512' },
}
/**
 * sshd still takes 1024 bits (RequiredRSASize), which has not been safe for years (NIST SP 800-131A
 * disallows it since 2014); 16384 is OpenSSH's own limit.
 */
const RSA_BITS = { least: 2048, most: 16384 }
const NEW_KEY = 'make a new key with `ssh-keygen -t ed25519`'

/**
 * Reads a key of the type that its line names.
 * @throws PypaasError `config` with the reason why such a key is refused
 */
export function decodePublicKey(type: string, blob: Buffer): PublicKey {
  if (type === 'ssh-dss')
    throw refused('DSA keys (ssh-dss) are not safe and OpenSSH has given them up', NEW_KEY)
  if (/-cert-v\d+@/.test(type)) {
    throw refused(
      'certificates are not supported',
      'put the plain public key here (the .pub file without -cert)',
    )
  }
  const decode = DECODERS[type]
  if (decode === undefined) throw refused(`the key type ${JSON.stringify(type)} is not known`, NEW_KEY)
  const [inner, ...fields] = fieldsOf(blob) ?? []
  if (inner === undefined) throw damaged()
  if (inner.toString('latin1') !== type) {
    throw refused(`the line says ${type} but the key inside is of another type`, 'copy the line again')
  }
  return decode(fields)
}

/** The types that are accepted, as they stand in a public key's line. */
export function isKeyType(type: string): boolean {
  return Object.hasOwn(DECODERS, type)
}

/** `SHA256:…` as `ssh-keygen -l` prints it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

/** The `string`s (RFC 4251 5: a length of 4 bytes, then the bytes) that make up `data`. Undefined: it is not made of those. */
export function fieldsOf(data: Buffer): Buffer[] | undefined {
  const fields: Buffer[] = []
  let at = 0
  while (at < data.length) {
    if (at + 4 > data.length) return undefined
    const end = at + 4 + data.readUInt32BE(at)
    if (end > data.length) return undefined
    fields.push(data.subarray(at + 4, end))
    at = end
  }
  return fields
}

type Decoder = (fields: Buffer[]) => PublicKey

const DECODERS: Readonly<Record<string, Decoder>> = {
  'ssh-ed25519': ([point, ...rest]) => ed25519(point, rest, undefined),
  'sk-ssh-ed25519@openssh.com': ([point, application, ...rest]) => ed25519(point, rest, needed(application)),
  'ecdsa-sha2-nistp256': (fields) => ecdsa('nistp256', fields, false),
  'ecdsa-sha2-nistp384': (fields) => ecdsa('nistp384', fields, false),
  'ecdsa-sha2-nistp521': (fields) => ecdsa('nistp521', fields, false),
  'sk-ecdsa-sha2-nistp256@openssh.com': (fields) => ecdsa('nistp256', fields, true),
  'ssh-rsa': rsa,
}

function ed25519(point: Buffer | undefined, rest: Buffer[], application: Buffer | undefined): PublicKey {
  if (point?.length !== 32 || rest.length > 0) throw damaged()
  return {
    jwk: { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') },
    hash: undefined,
    application,
  }
}

function ecdsa(name: string, [curve, point, ...others]: Buffer[], security: boolean): PublicKey {
  const known = CURVES[name]
  if (known === undefined || curve?.toString('latin1') !== name || point === undefined) throw damaged()
  // 4: not compressed (SEC 1, 2.3.3); OpenSSH takes no other form.
  if (point.length !== 1 + 2 * known.bytes || point[0] !== 4) throw damaged()
  const [application, ...rest] = security ? others : [undefined, ...others]
  if (rest.length > 0) throw damaged()
  return {
    jwk: {
      kty: 'EC',
      crv: known.crv,
      x: point.subarray(1, 1 + known.bytes).toString('base64url'),
      y: point.subarray(1 + known.bytes).toString('base64url'),
    },
    hash: known.hash,
    application: security ? needed(application) : undefined,
  }
}

function rsa([e, n, ...rest]: Buffer[]): PublicKey {
  if (e === undefined || n === undefined || rest.length > 0) throw damaged()
  const bits = bitLength(n)
  if (bits < RSA_BITS.least)
    throw refused(`an RSA key of ${bits} bits is too short; ${RSA_BITS.least} is the least`, NEW_KEY)
  if (bits > RSA_BITS.most)
    throw refused(`an RSA key of ${bits} bits is too long; ${RSA_BITS.most} is the most`, NEW_KEY)
  return {
    jwk: { kty: 'RSA', e: unsigned(e).toString('base64url'), n: unsigned(n).toString('base64url') },
    hash: undefined,
    application: undefined,
  }
}

/** An `mpint` (RFC 4251 5) without the zero bytes in front that keep it positive. */
export function unsigned(mpint: Buffer): Buffer {
  const start = mpint.findIndex((byte) => byte !== 0)
  return start === -1 ? mpint.subarray(0, 0) : mpint.subarray(start)
}

function bitLength(mpint: Buffer): number {
  const digits = unsigned(mpint)
  return digits.length === 0 ? 0 : digits.length * 8 - Math.clz32(digits[0] ?? 0) + 24
}

function needed(field: Buffer | undefined): Buffer {
  if (field === undefined) throw damaged()
  return field
}

function damaged(): PypaasError {
  return refused('the key is damaged or cut short', 'copy the line again from the .pub file')
}

function refused(message: string, hint: string): PypaasError {
  return new PypaasError('config', message, { hint })
}
