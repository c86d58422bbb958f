/** Signatures of versions: kept in their metadata, asked for where signers are configured. */
import { PypaasError } from '../errors.ts'
import { SIGNATURE, type Verify } from './artifacts.ts'

const BEGIN = '-----BEGIN SSH SIGNATURE-----'
const END = '-----END SSH SIGNATURE-----'

/** One line without its armour (PROTOCOL.sshsig of OpenSSH): metadata is short and has no line ends. Pure. */
export function withoutArmour(signature: string): string {
  return signature.replace(BEGIN, '').replace(END, '').replaceAll(/\s/g, '')
}

/** As ssh-keygen(1) reads it. Pure. */
export function withArmour(line: string): string {
  return [BEGIN, ...(line.match(/.{1,70}/g) ?? []), END, ''].join('\n')
}

/** @param allowedSigners the file of those who may sign */
export function signatureCheck(allowedSigners: string): Verify {
  return async (file, meta) => {
    const signature = meta[SIGNATURE]
    if (signature === undefined) {
      throw new PypaasError('denied', 'the artifact is not signed, and this host takes only signed ones', {
        hint: 'sign it with `artifact sign` before `artifact put`; who may is in artifacts.allowed_signers',
      })
    }
    const { verifySignature } = await import('../artifact/signature.ts')
    return verifySignature(file, withArmour(String(signature)), allowedSigners)
  }
}
