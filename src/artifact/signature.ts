/** Signatures of artifacts with SSH keys (ssh-keygen(1), `-Y`; PROTOCOL.sshsig of OpenSSH). */
import { constants } from 'node:fs'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { PypaasError } from '../errors.ts'
import { capture } from '../system/run.ts'

/** What the signature is for: one of a commit, say, does not count for an artifact. */
export const NAMESPACE = 'artifact@pypaas'

/**
 * Seen before what takes long, not after it.
 * @throws PypaasError `usage` if there is no such file
 */
export async function checkKey(key: string): Promise<void> {
  try {
    await access(key)
  } catch (cause) {
    throw new PypaasError('usage', `there is no key ${key}`, {
      hint: 'name an SSH key, for example ~/.ssh/id_ed25519; `ssh-keygen -t ed25519` makes one',
      cause,
    })
  }
}

/**
 * @param key a private key without a passphrase, or the public one of a key that the agent has
 * @returns the armoured signature
 * @throws PypaasError `failed`
 */
export async function signFile(file: string, key: string): Promise<string> {
  try {
    return `${await keygen(['-Y', 'sign', '-q', '-f', key, '-n', NAMESPACE], file)}\n`
  } catch (error) {
    throw explained(error, `${basename(file)} cannot be signed with ${key}`, {
      hint: 'name an SSH key without a passphrase, or put it into the agent and name its public key (.pub)',
    })
  }
}

/**
 * @param signature armoured, as {@link signFile} gives it
 * @param allowedSigners a file (ssh-keygen(1), "ALLOWED SIGNERS")
 * @param identity who must have signed; default: anyone who may
 * @returns who signed
 * @throws PypaasError `denied` if the signature does not fit the file, or not one of those who may; `config` if it
 *   cannot be read who may
 */
export async function verifySignature(
  file: string,
  signature: string,
  allowedSigners: string,
  identity?: string,
): Promise<string> {
  await access(allowedSigners, constants.R_OK).catch((cause: unknown) => {
    throw new PypaasError('config', 'the file of those who may sign is not there, or we may not read it', {
      where: allowedSigners,
      hint: 'it has a line `<name> <public key>` for each of them',
      cause,
    })
  })
  const directory = await mkdtemp(join(tmpdir(), 'pypaas-signature-'))
  const path = join(directory, 'signature')
  try {
    await writeFile(path, signature)
    const known = ['-f', allowedSigners, '-s', path]
    const found = await keygen(['-Y', 'find-principals', ...known]).catch((error: unknown) => {
      throw explained(error, `${basename(file)} is signed by nobody who may sign`, {
        code: 'denied',
        where: allowedSigners,
        hint: 'if the signer is to be trusted, add a line `<name> <public key>` to that file',
      })
    })
    const who = found.split(/[\n,]/).filter((name) => name !== '')
    const principal = identity === undefined ? who[0] : who.find((name) => name === identity)
    if (principal === undefined) {
      throw new PypaasError(
        'denied',
        `${basename(file)} is signed by ${who.join(', ')}, not by ${identity}`,
        {
          hint: 'ask for the artifact to be signed by whom you expect',
        },
      )
    }
    await keygen(['-Y', 'verify', ...known, '-I', principal, '-n', NAMESPACE, '-q'], file).catch(
      (error: unknown) => {
        throw explained(error, `${basename(file)} is not what ${principal} signed`, {
          code: 'denied',
          hint: 'it was altered or damaged after signing, or the signature is for something else: fetch it once more',
        })
      },
    )
    return principal
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** @param input a file for its standard input */
function keygen(args: readonly string[], input?: string): Promise<string> {
  const env: Record<string, string> = { LC_ALL: 'C' }
  // The agent, for keys that are not on the disk.
  for (const name of ['PATH', 'HOME', 'SSH_AUTH_SOCK']) {
    const value = process.env[name]
    if (value !== undefined) env[name] = value
  }
  return capture(['ssh-keygen', ...args], { env, ...(input === undefined ? {} : { input }) })
}

function explained(
  error: unknown,
  message: string,
  { code = 'failed', hint, where }: { code?: 'failed' | 'denied'; hint: string; where?: string },
): unknown {
  if (!(error instanceof PypaasError) || error.code !== 'failed') return error
  // It is not there at all: not the signature's fault.
  if (error.message.startsWith('cannot run')) return error
  const details = { hint, cause: error, output: error.output.filter(Boolean) }
  return new PypaasError(code, message, { ...details, ...(where === undefined ? {} : { where }) })
}
