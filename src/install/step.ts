/** What an installation consists of: data that can be printed, compared with the host, and applied. */

/** Whose a path is: root's, or a user's who may be made only by an earlier step. */
export type Owner = 'root' | { readonly user: string }

/** The user that pushes log in as. */
export interface UserStep {
  readonly kind: 'user'
  readonly name: string
  readonly home: string
  readonly state: 'absent' | 'locked' | 'ready'
  /** Makes or unlocks the user. */
  readonly argv: readonly string[]
}

export interface DirectoryStep {
  readonly kind: 'directory'
  readonly path: string
  readonly owner: Owner
  /** Of a new one. */
  readonly mode: number
  /** Bits that one that is there must have, and must not have; the others are the operator's choice. */
  readonly need: number
  readonly forbid: number
}

export interface FileStep {
  readonly kind: 'file'
  readonly path: string
  readonly text: string
  readonly owner: Owner
  readonly mode: number
  /** Written once and then the operator's own: never touched again. */
  readonly once?: boolean
  /** The directory is supervised: it must not be seen before the file is in it. */
  readonly withDirectory?: boolean
  /** Gets the path of the new text as its last argument, before that is put in place. */
  readonly checkText?: readonly string[]
  /** Run with the file in place; if it fails, the former state is put back. */
  readonly checkHost?: readonly string[]
}

export interface LinkStep {
  readonly kind: 'link'
  readonly path: string
  readonly target: string
}

/** Removes a link; what it leads to stays. */
export interface UnlinkStep {
  readonly kind: 'unlink'
  readonly path: string
  readonly why: string
}

export interface CommandStep {
  readonly kind: 'command'
  readonly argv: readonly string[]
  /** Only if one of these was created or changed in the same run. */
  readonly after?: readonly string[]
  /** Not if this succeeds. */
  readonly unless?: readonly string[]
}

/** Something that a person should know or do. */
export interface NoteStep {
  readonly kind: 'note'
  readonly text: string
}

export type Step = UserStep | DirectoryStep | FileStep | LinkStep | UnlinkStep | CommandStep | NoteStep

/** What became, or would become, of a step. */
export type Outcome = 'created' | 'changed' | 'unchanged' | 'note'

/** One step in a report. */
export interface StepReport {
  readonly outcome: Outcome
  /** A path, a user, a command, or a note's text. */
  readonly what: string
}

/** What a step is about, for one line of a report. */
export function subjectOf(step: Step): string {
  switch (step.kind) {
    case 'user':
      return `user ${step.name} (${step.home})`
    case 'directory':
      return `${step.path}/`
    case 'file':
      return step.path
    case 'link':
      return `${step.path} -> ${step.target}`
    case 'unlink':
      return `${step.path} (removed: ${step.why})`
    case 'command':
      return step.argv.join(' ')
    case 'note':
  }
  return step.text
}
