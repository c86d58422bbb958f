/** Compares a step with the host. Changes nothing. */
import type { Stats } from 'node:fs'
import { lstat, readFile, stat } from 'node:fs/promises'
import { hasErrno, PypaasError } from '../errors.ts'
import { readLinkIfThere } from '../system/files.ts'
import { capture } from '../system/run.ts'
import { hostEnvironment, idsOf, type Ids } from './accounts.ts'
import type { CommandStep, DirectoryStep, FileStep, LinkStep, Outcome, Owner, Step } from './step.ts'
import { MARKER } from './texts.ts'

/** Where the comparison takes place. */
export interface Host {
  /** `/`, or the directory of an image. */
  readonly root: string
  /** Whether this process can set owners; if not, they are not looked at either. */
  readonly privileged: boolean
}

/**
 * What applying the step will do.
 * @param changed paths of the steps before it that were, or would be, created or changed
 * @throws PypaasError `failed` when something is in the way that is not ours to change
 */
export async function examine(step: Step, host: Host, changed: ReadonlySet<string>): Promise<Outcome> {
  switch (step.kind) {
    case 'user':
      return step.state === 'absent' ? 'created' : step.state === 'locked' ? 'changed' : 'unchanged'
    case 'directory':
      return examineDirectory(step, await idsFor(host, step.owner))
    case 'file':
      return examineFile(step, await idsFor(host, step.owner))
    case 'link':
      return examineLink(step)
    case 'unlink':
      return (await readLinkIfThere(step.path)) === undefined ? 'unchanged' : 'changed'
    case 'command':
      return examineCommand(step, changed)
    case 'note':
  }
  return 'note'
}

/** Owner for comparing and setting; undefined where that is not possible, or the user is still to be made. */
export async function idsFor(host: Host, owner: Owner): Promise<Ids | undefined> {
  return host.privileged ? idsOf(host.root, owner) : undefined
}

async function examineDirectory(step: DirectoryStep, owner: Ids | undefined): Promise<Outcome> {
  const found = await look(step.path)
  if (found === undefined) return 'created'
  // Data on another disk: a link is fine as long as nothing is to be done through it.
  const isLink = found.isSymbolicLink()
  const target = isLink ? await stat(step.path).catch(() => undefined) : found
  if (target?.isDirectory() !== true) throw inTheWay(step.path, 'is not a directory', 'move it away')
  const ownerFits = owner === undefined || target.uid === owner.uid
  if (!ownerFits && target.uid !== 0) {
    throw inTheWay(
      step.path,
      `belongs to another user (uid ${target.uid})`,
      'give it to the deploy user with chown',
    )
  }
  if (ownerFits && newMode(step, target.mode) === (target.mode & 0o7777)) return 'unchanged'
  if (isLink) {
    const mode = newMode(step, target.mode).toString(8)
    throw inTheWay(
      step.path,
      'is a link to a directory with another owner or mode',
      `give that directory to the deploy user, with mode ${mode}`,
    )
  }
  return 'changed'
}

/** The mode that a directory with this one gets. */
export function newMode(step: DirectoryStep, mode: number): number {
  return ((mode & 0o7777) | step.need) & ~step.forbid
}

async function examineFile(step: FileStep, owner: Ids | undefined): Promise<Outcome> {
  const found = await look(step.path)
  if (found === undefined) return 'created'
  if (step.once === true) return 'unchanged'
  if (!found.isFile()) throw inTheWay(step.path, 'is not a file', 'move it away')
  const text = await readFile(step.path, 'utf8')
  if (text === step.text) {
    const ownerFits = owner === undefined || (found.uid === owner.uid && found.gid === owner.gid)
    return ownerFits && (found.mode & 0o7777) === step.mode ? 'unchanged' : 'changed'
  }
  if (text.includes(MARKER)) return 'changed'
  throw inTheWay(step.path, 'was not written by pypaas', 'see what it is for, and move it away')
}

async function examineLink(step: LinkStep): Promise<Outcome> {
  if ((await look(step.path)) === undefined) return 'created'
  const target = await readLinkIfThere(step.path)
  if (target === step.target) return 'unchanged'
  throw inTheWay(step.path, target === undefined ? 'is not a link' : `leads to ${target}`, 'remove it')
}

async function examineCommand(step: CommandStep, changed: ReadonlySet<string>): Promise<Outcome> {
  if (step.after !== undefined && !step.after.some((path) => changed.has(path))) return 'unchanged'
  if (step.unless === undefined) return 'changed'
  try {
    await capture(step.unless, { env: hostEnvironment })
    return 'unchanged'
  } catch {
    return 'changed'
  }
}

async function look(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    if (hasErrno(error, 'ENOTDIR'))
      throw inTheWay(path, 'has a file where a directory should be', 'move that away')
    throw error
  }
}

function inTheWay(path: string, what: string, remedy: string): PypaasError {
  return new PypaasError('failed', `${path} ${what}`, { hint: `${remedy}, then run this again`, where: path })
}
