/** Whose files nginx's workers have to read when its master is root. */
import { stat } from 'node:fs/promises'
import { PypaasError } from '../errors.ts'
import { readIfThere } from '../system/files.ts'

/** The owner of a path and the owner's group, as nginx's `user` wants them: by name. */
export async function ownerOf(path: string): Promise<{ name: string; group: string }> {
  const { uid } = await stat(path)
  const user = entries(await readIfThere('/etc/passwd')).find((entry) => entry[2] === String(uid))
  const group = entries(await readIfThere('/etc/group')).find((entry) => entry[2] === user?.[3])
  if (user?.[0] === undefined || group?.[0] === undefined) {
    throw new PypaasError('failed', `${path} belongs to the user id ${uid}, which has no name on this host`, {
      hint: 'give the directory to the user that pypaas runs as',
    })
  }
  return { name: user[0], group: group[0] }
}

/** Lines of a table such as passwd(5). */
function entries(text = ''): string[][] {
  return text.split('\n').map((line) => line.split(':'))
}
