/** One step of a deploy. What `apply` did, `undo` takes back, also after a crash in the middle of it. */
import type { Deploy, Undoable } from '../deploy.ts'

export interface Phase {
  /** Heading in the push output. Undefined: the phase shows nothing of its own. */
  heading?(deploy: Deploy): string
  apply(deploy: Deploy): Promise<void>
  /** Idempotent: works on what is there, whole, half or not at all. */
  undo?(deploy: Undoable): Promise<void>
}
