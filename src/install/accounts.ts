/** Users and groups of a host, or of an image of one. */
import { join } from 'node:path'
import { readIfThere } from '../system/files.ts'
import { capture } from '../system/run.ts'
import type { HostUser } from './facts.ts'
import type { Owner } from './step.ts'

/** What the programs that we run on the host get. */
export const hostEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C.UTF-8',
}

export interface Ids {
  readonly uid: number
  readonly gid: number
}

export async function findUser(root: string, name: string): Promise<HostUser | undefined> {
  const fields = await passwdFields(root, name)
  if (fields === undefined) return undefined
  const [, , uid, gid, , home = '', shell = ''] = fields
  // Readable by root only; anyone else cannot change it either.
  const shadow = await lineOf(join(root, '/etc/shadow'), name).catch(() => undefined)
  // A hash behind the `!` is an operator's lock, and stays.
  const locked = /^!+\*?$/.test(shadow?.split(':')[1] ?? '')
  return { uid: Number(uid), gid: Number(gid), home, shell, locked }
}

/** Whose a path is to be, in numbers; undefined as long as there is no such user. */
export async function idsOf(root: string, owner: Owner): Promise<Ids | undefined> {
  if (owner === 'root') return { uid: 0, gid: 0 }
  const fields = await passwdFields(root, owner.user)
  return fields === undefined ? undefined : { uid: Number(fields[2]), gid: Number(fields[3]) }
}

export async function groupExists(root: string, name: string): Promise<boolean> {
  return (await lineOf(join(root, '/etc/group'), name)) !== undefined
}

/** passwd(5) */
async function passwdFields(root: string, name: string): Promise<string[] | undefined> {
  // On the running system a user may come from elsewhere than the file (nsswitch.conf(5)).
  const line =
    root === '/'
      ? await capture(['getent', 'passwd', name], { env: hostEnvironment }).catch(() => undefined)
      : await lineOf(join(root, '/etc/passwd'), name)
  return line?.split(':')
}

async function lineOf(file: string, name: string): Promise<string | undefined> {
  return (await readIfThere(file))?.split('\n').find((line) => line.startsWith(`${name}:`))
}
