/** Public-key login of one connection of the embedded server. */
import type { AuthContext, PublicKeyAuthContext } from 'ssh2'
import type { Log } from '../context.ts'
import { messageOf } from '../errors.ts'
import type { Key } from './keys.ts'
import { fingerprint } from './public-key.ts'
import { verifySignature } from './signature.ts'

export interface LoginOptions {
  readonly address: string
  readonly log: Log
  /** Refused tries until the connection is ended. */
  readonly tries: number
  readonly keys: () => Promise<readonly Key[]>
  /** Ends the connection. */
  readonly end: () => void
}

export interface Login {
  decide(context: AuthContext): Promise<void>
  /** The key that logged in. */
  readonly key: Key | undefined
  /** Fingerprints of the keys that were refused. */
  readonly refused: readonly string[]
}

/**
 * Decides on each try of a client. The user name does not matter, `git@` and `deploy@` are one: the key
 * decides. Without a signature the client only asks whether the key would do (RFC 4252 7).
 */
export function loginOf(options: LoginOptions): Login {
  const refused: string[] = []
  let tries = 0
  let key: Key | undefined

  function refuse(context: AuthContext, what?: string): void {
    if (what !== undefined) refused.push(what)
    // `none` is how clients ask for the methods there are; every client begins with it.
    if (context.method !== 'none' || tries > 0) tries++
    if (tries >= options.tries) options.end()
    else context.reject(['publickey'])
  }

  async function decideOnKey(context: PublicKeyAuthContext): Promise<void> {
    const found = matching(await options.keys(), context)
    const print = fingerprint(context.key.data)
    if (found === undefined) {
      refuse(context, print)
    } else if (found.type === 'ssh-rsa' && context.hashAlgo === undefined) {
      refuse(context, `${print} of ${found.name}, signed with SHA-1`)
    } else if (context.signature === undefined || context.blob === undefined) {
      context.accept()
    } else if (
      verifySignature({
        type: found.type,
        blob: context.key.data,
        rsaHash: context.hashAlgo,
        data: context.blob,
        signature: context.signature,
      })
    ) {
      key = found
      context.accept()
    } else {
      refuse(context, `${print} of ${found.name}, wrong signature`)
    }
  }

  return {
    get key() {
      return key
    },
    refused,
    async decide(context) {
      try {
        if (context.method === 'publickey') await decideOnKey(context)
        else refuse(context)
      } catch (error) {
        // The keys cannot be read, or the client went away meanwhile: nobody gets in by that.
        options.log.error({ address: options.address, error: messageOf(error) }, 'SSH login failed')
        options.end()
      }
    },
  }
}

function matching(keys: readonly Key[], { key }: PublicKeyAuthContext): Key | undefined {
  const blob = key.data.toString('base64')
  return keys.find(
    (known) => known.type === key.algo && known.blob.replace(/=+$/, '') === blob.replace(/=+$/, ''),
  )
}
