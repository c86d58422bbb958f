/** What is in the root of a checkout. */
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Whether there is a file of this name. */
export async function hasFile(checkout: string, name: string): Promise<boolean> {
  try {
    return (await stat(join(checkout, name))).isFile()
  } catch {
    // Not there, or a link to nowhere.
    return false
  }
}

/** Whether there is a file of this name that may be executed. */
export async function hasExecutable(checkout: string, name: string): Promise<boolean> {
  try {
    await access(join(checkout, name), constants.X_OK)
    return await hasFile(checkout, name)
  } catch {
    return false
  }
}
