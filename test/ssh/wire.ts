/** The data types of RFC 4251 5, for what the tests make themselves. */

export function string(data: string | Buffer): Buffer {
  const bytes = Buffer.from(data)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** A positive number. */
export function mpint(digits: Buffer): Buffer {
  let start = 0
  while (start < digits.length && digits[start] === 0) start++
  const shortest = digits.subarray(start)
  return string(((shortest[0] ?? 0) & 0x80) === 0 ? shortest : Buffer.concat([Buffer.from([0]), shortest]))
}

/** An RSA public key as SSH writes it, from its numbers in base64url. */
export function rsaBlob({ e = '', n = '' }: { e?: string; n?: string }): Buffer {
  const numbers = [e, n].map((text) => mpint(Buffer.from(text, 'base64url')))
  return Buffer.concat([string('ssh-rsa'), ...numbers])
}
