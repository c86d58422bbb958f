/** A FIDO security key made of software, behind an agent that `ssh` asks (draft-ietf-sshm-ssh-agent, PROTOCOL.u2f). */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { mpint, string } from './wire.ts'

export interface SecurityKey {
  readonly type: string
  readonly blob: Buffer
  /** The line for authorized_keys. */
  readonly line: string
  /** A signature without the type in front, as ssh2 hands it over. */
  readonly sign: (data: Buffer, flags?: number) => Buffer
}

export const TOUCHED = 1

export function makeSecurityKey(kind: 'ed25519' | 'ecdsa', application = 'ssh:'): SecurityKey {
  const type = kind === 'ed25519' ? 'sk-ssh-ed25519@openssh.com' : 'sk-ecdsa-sha2-nistp256@openssh.com'
  const { publicKey, privateKey } =
    kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const blob = Buffer.concat([string(type), ...pointOf(publicKey), string(application)])
  return {
    type,
    blob,
    line: `${type} ${blob.toString('base64')} token`,
    sign(data, flags = TOUCHED) {
      const trailer = Buffer.from([flags, 0, 0, 0, 9])
      const message = Buffer.concat([sha256(Buffer.from(application)), trailer, sha256(data)])
      if (kind === 'ed25519') return Buffer.concat([sign(null, message, privateKey), trailer])
      const pair = sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return Buffer.concat([mpint(pair.subarray(0, 32)), mpint(pair.subarray(32)), trailer])
    },
  }
}

/** Listens on a unix socket as an agent that holds the key; it ends with the test. */
export async function startAgent(socketPath: string, key: SecurityKey, flags = TOUCHED): Promise<void> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let buffer = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (data: Buffer) => {
      buffer = Buffer.concat([buffer, data])
      while (buffer.length >= 4 && buffer.length >= 4 + buffer.readUInt32BE()) {
        const end = 4 + buffer.readUInt32BE()
        socket.write(string(answer(key, flags, buffer.subarray(4, end))))
        buffer = buffer.subarray(end)
      }
    })
  }).listen(socketPath)
  await once(server, 'listening')
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
}

function answer(key: SecurityKey, flags: number, request: Buffer): Buffer {
  const [FAILURE, LIST, LISTED, SIGN, SIGNED] = [5, 11, 12, 13, 14]
  if (request[0] === LIST) {
    return Buffer.concat([Buffer.from([LISTED, 0, 0, 0, 1]), string(key.blob), string('token')])
  }
  if (request[0] !== SIGN) return Buffer.from([FAILURE])
  const at = 1 + 4 + request.readUInt32BE(1)
  const data = request.subarray(at + 4, at + 4 + request.readUInt32BE(at))
  const signature = key.sign(data, flags)
  const bare = signature.subarray(0, -5)
  const whole = Buffer.concat([string(key.type), string(bare), signature.subarray(-5)])
  return Buffer.concat([Buffer.from([SIGNED]), string(whole)])
}

function pointOf(key: KeyObject): Buffer[] {
  const { x = '', y } = key.export({ format: 'jwk' })
  if (y === undefined) return [string(bytesOf(x))]
  return [string('nistp256'), string(Buffer.concat([Buffer.from([4]), bytesOf(x), bytesOf(y)]))]
}

function bytesOf(base64url: string): Buffer {
  return Buffer.from(base64url, 'base64url')
}

function sha256(data: Buffer): Buffer {
  return createHash('sha256').update(data).digest()
}
