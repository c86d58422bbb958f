/** What a release has begun, in the repository: so that the next one undoes what a killed one has left. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readIfThere, replaceFile } from '../system/files.ts'
import type { Published } from './place.ts'
import { isAt, moveBranch, removeTag, type WorkingCopy } from './working-copy.ts'

export interface Note {
  readonly version: string
  readonly tag: string
  readonly branch: string
  /** The branch's commit before, and with the version set; the same if there was nothing to set. */
  readonly from: string
  readonly to: string
  /** Directory in which the artifact is made: nobody else's. */
  readonly scratch: string
  /** What is about to be put where others see it. */
  readonly publishing?: Published
}

export function noteFile({ repository }: WorkingCopy): string {
  return join(repository, 'pypaas-release.json')
}

export async function readNote(copy: WorkingCopy): Promise<Note | undefined> {
  const text = await readIfThere(noteFile(copy))
  return text === undefined ? undefined : (JSON.parse(text) as Note)
}

export async function writeNote(copy: WorkingCopy, note: Note): Promise<void> {
  await replaceFile(noteFile(copy), `${JSON.stringify(note, null, 2)}\n`)
}

export async function removeNote(copy: WorkingCopy): Promise<void> {
  await rm(noteFile(copy), { force: true })
}

/**
 * Takes back tag and commit, and what lies about.
 * @returns what could not be: a branch that has been worked on since is left alone
 */
export async function undo(copy: WorkingCopy, note: Note): Promise<string | undefined> {
  const { branch, from, to, tag, scratch } = note
  await rm(scratch, { recursive: true, force: true })
  await removeTag(copy, tag, to)
  let left: string | undefined
  if (from !== to && (await isAt(copy, branch, to))) {
    await moveBranch(copy, branch, to, from).catch(() => {
      left = `the commit ${to.slice(0, 11)} that sets the version stays on ${branch}: its files have been changed since`
    })
  }
  await removeNote(copy)
  return left
}
