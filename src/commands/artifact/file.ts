/** The file that a command is about. */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { PypaasError } from '../../errors.ts'

/** @throws PypaasError `usage` if it is no file */
export async function fileOf(name = ''): Promise<string> {
  const path = resolve(name)
  const found = await stat(path).catch(() => undefined)
  if (found?.isFile() === true) return path
  throw new PypaasError('usage', `${found === undefined ? 'there is no file' : 'this is no file:'} ${name}`, {
    hint: 'name an artifact, as `artifact build` has made it (not of the format dir)',
  })
}
