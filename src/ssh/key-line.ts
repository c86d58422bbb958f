/** One line of a file of public keys, in the format of authorized_keys (sshd(8)). Pure. */
import { PypaasError } from '../errors.ts'
import { decodePublicKey, isKeyType } from './public-key.ts'

export interface KeyLine {
  readonly type: string
  /** Base64. */
  readonly blob: string
  readonly comment: string
  /** Options of the line that are not kept, for a note. What `restrict` says anyway is not among them. */
  readonly dropped: readonly string[]
}

/** What `restrict`, which every line of ours has, already says. */
const IMPLIED = new Set([
  'restrict',
  'no-agent-forwarding',
  'no-port-forwarding',
  'no-pty',
  'no-user-rc',
  'no-x11-forwarding',
])
/** They would allow more than running pypaas, so leaving them out does no harm. */
const WIDENING = new Set([
  'agent-forwarding',
  'environment',
  'no-touch-required',
  'permitlisten',
  'permitopen',
  'port-forwarding',
  'pty',
  'tunnel',
  'user-rc',
  'x11-forwarding',
])
/** They allow less: a key that lost one of these could do more than its line says. */
const NARROWING = new Set(['command', 'expiry-time', 'from', 'principals', 'verify-required'])

/**
 * Reads a line that is neither blank nor a comment: `[options] type base64 [comment]`.
 * @throws PypaasError `config` with the reason why the line is refused
 */
export function parseKeyLine(line: string): KeyLine {
  const { options, rest } = splitOptions(line.trim())
  const [type = '', blob = '', ...comment] = rest.split(/[ \t]+/)
  if (blob === '' || !looksLikeType(type)) {
    throw new PypaasError('config', 'this is not a public key', {
      hint: 'a line is a type, the key and a comment, as in a .pub file made by ssh-keygen',
    })
  }
  const dropped = options.filter((option) => isDropped(option)).map(optionName)
  decodePublicKey(type, base64(blob))
  // oxlint-disable-next-line no-control-regex
  return { type, blob, comment: comment.join(' ').replaceAll(/[\u0000-\u001F\u007F-\u009F]/g, '?'), dropped }
}

/** Whether the option is to be named in a note. */
function isDropped(option: string): boolean {
  const name = optionName(option)
  if (IMPLIED.has(name)) return false
  if (WIDENING.has(name)) return true
  if (name === 'cert-authority') {
    throw new PypaasError('config', 'certificate authorities (cert-authority) are not supported', {
      hint: "put each person's own public key here",
    })
  }
  if (NARROWING.has(name)) {
    throw new PypaasError('config', `the option "${name}" limits the key in a way that pypaas cannot keep`, {
      hint: 'remove the option to let the key in without that limit',
    })
  }
  throw new PypaasError('config', `the option ${JSON.stringify(name)} is not known`, {
    hint: 'a line is a type, the key and a comment, as in a .pub file made by ssh-keygen',
  })
}

function optionName(option: string): string {
  return option.replace(/=[^]*$/, '').toLowerCase()
}

/** Options stand in front, divided by commas; blanks and commas within double quotes belong to them. */
function splitOptions(line: string): { options: string[]; rest: string } {
  const first = line.split(/[ \t]/, 1)[0] ?? ''
  // A lone word is no option either: it is what is left of a key that lost its parts.
  if (looksLikeType(first) || first === line) return { options: [], rest: line }
  const options: string[] = []
  let option = ''
  let quoted = false
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at)
    if (char === '\\' && line.charAt(at + 1) === '"') {
      option += '\\"'
      at++
    } else if (!quoted && (char === ' ' || char === '\t')) {
      return { options: [...options, option], rest: line.slice(at).trim() }
    } else if (!quoted && char === ',') {
      options.push(option)
      option = ''
    } else {
      if (char === '"') quoted = !quoted
      option += char
    }
  }
  throw new PypaasError(
    'config',
    quoted ? 'a quote in the options is not closed' : 'there is no key behind the options',
  )
}

/** No option's name begins like a key's type, so that sshd(8) tells the two apart by this as well. */
function looksLikeType(word: string): boolean {
  return isKeyType(word) || /^(?:ssh|ecdsa|sk|rsa|webauthn)-/.test(word)
}

/** Node passes over what is no base64; a key with a letter too many is not to be taken for another. */
function base64(text: string): Buffer {
  const data = Buffer.from(text, 'base64')
  if (data.toString('base64').replace(/=+$/, '') !== text.replace(/=+$/, '')) {
    throw new PypaasError('config', 'the key is damaged or cut short', {
      hint: 'copy the line again from the .pub file',
    })
  }
  return data
}
