/** The configuration file of `pull`: lines of `key=value`. Pure. */
import { PypaasError } from '../errors.ts'
import { suggestion } from '../config/suggest.ts'
import type { AwsKeys } from './look.ts'

export interface PullFile {
  readonly remote?: string
  readonly local?: string
  readonly schedule?: string
  readonly keys?: AwsKeys
}

const KEYS = ['remote', 'local', 'schedule', 'aws-access-key', 'aws-secret-key']

/**
 * Lines that are empty or begin with `#` or `;` say nothing, nor do those that name a `[section]`.
 * @param where the file, for messages
 * @throws PypaasError `config` for a line that is none of these, a key that is not known or is there twice
 */
export function parsePullFile(text: string, where: string): PullFile {
  const found = new Map<string, string>()
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || /^[#;]|^\[.*\]$/.test(line)) continue
    const wrong = (message: string): PypaasError =>
      new PypaasError('config', message, { where: `${where}:${index + 1}` })
    const at = line.indexOf('=')
    // The line itself is not shown: it may hold a secret.
    if (at === -1) throw wrong('expected a line `key=value`')
    const key = line.slice(0, at).trim()
    const value = line.slice(at + 1).trim()
    if (!KEYS.includes(key)) throw wrong(`unknown key \`${key}\`; ${suggestion(key, KEYS, 'known keys:')}`)
    if (found.has(key)) throw wrong(`\`${key}\` is there twice`)
    if (value !== '') found.set(key, value)
  }
  const accessKey = found.get('aws-access-key')
  const secretKey = found.get('aws-secret-key')
  if ((accessKey === undefined) !== (secretKey === undefined)) {
    throw new PypaasError('config', '`aws-access-key` and `aws-secret-key` go together', { where })
  }
  const given = (key: 'remote' | 'local' | 'schedule'): Partial<Record<typeof key, string>> => {
    const value = found.get(key)
    return value === undefined ? {} : { [key]: value }
  }
  return {
    ...given('remote'),
    ...given('local'),
    ...given('schedule'),
    ...(accessKey === undefined || secretKey === undefined ? {} : { keys: { accessKey, secretKey } }),
  }
}
