/** Signs an artifact with an SSH key. */
import { resolve } from 'node:path'
import { signFile } from '../../artifact/signature.ts'
import { PypaasError } from '../../errors.ts'
import { replaceFile } from '../../system/files.ts'
import type { Invocation } from '../command.ts'
import { fileOf } from './file.ts'

export async function run({ args, options, json, out }: Invocation): Promise<number> {
  const file = await fileOf(args[0])
  const { key } = options
  if (typeof key !== 'string') {
    throw new PypaasError('usage', 'with which key?', { hint: 'for example --key ~/.ssh/id_ed25519' })
  }
  const signature = `${file}.sig`
  await replaceFile(signature, await signFile(file, resolve(key)))
  out.line(json ? JSON.stringify({ path: file, signature }, null, 2) : signature)
  return 0
}
