/** The embedded server's own key, by which clients know the host again. */
import { chmod, link, mkdir, open, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import ssh2 from 'ssh2'
import { hasErrno, messageOf, PypaasError } from '../errors.ts'
import { readIfThere, syncDirectory, temporaryBeside } from '../system/files.ts'

export interface HostKey {
  /** OpenSSH's private key format, the only one that ssh2 takes. */
  readonly private: string
  /** `ssh-ed25519 AAAA…`, for known_hosts. */
  readonly public: string
}

/**
 * The key in `file`; an ed25519 key is made at the first start.
 * @throws PypaasError `config` if others can read the file, or if it holds no key
 */
export async function ensureHostKey(file: string): Promise<HostKey> {
  let text = await readIfThere(file)
  if (text === undefined) {
    await create(file, generateHostKey())
    text = (await readIfThere(file)) ?? ''
  }
  const { mode } = await stat(file)
  if ((mode & 0o077) !== 0) {
    throw new PypaasError('config', "the SSH server's host key can be read by others", {
      where: file,
      hint: `chmod 600 ${file}, or remove it to get a new one (clients will ask about the change)`,
    })
  }
  const parsed = ssh2.utils.parseKey(text)
  if (parsed instanceof Error || !parsed.isPrivateKey()) {
    throw new PypaasError('config', "the SSH server's host key cannot be read", {
      where: file,
      hint: 'remove it to get a new one (clients will ask about the change)',
      cause: parsed instanceof Error ? messageOf(parsed) : undefined,
    })
  }
  return { private: text, public: `${parsed.type} ${parsed.getPublicSSH().toString('base64')}` }
}

/** A new ed25519 key. ssh2 (1.17) loses zero bytes in front of the public key: what it makes of one in 256 is none. */
export function generateHostKey(): string {
  for (;;) {
    const made = ssh2.utils.generateKeyPairSync('ed25519', { comment: 'pypaas' }).private
    if (!(ssh2.utils.parseKey(made) instanceof Error)) return made
  }
}

/** Written whole, then linked to its name: a key that another start made meanwhile is not replaced. */
async function create(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const temporary = temporaryBeside(file)
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await chmod(temporary, 0o600)
    await link(temporary, file)
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error
  } finally {
    await rm(temporary, { force: true })
  }
  await syncDirectory(dirname(file))
}
