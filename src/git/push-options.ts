/** The options of `git push -o` (git-push(1)). Pure. */
import { PypaasError } from '../errors.ts'

export interface PushOptions {
  /** Everything up to SWITCH, and then back: the push is refused in the end. */
  readonly dryRun: boolean
  /** Nothing of former builds is reused. */
  readonly noCache: boolean
  /** The deploy goes on without the client. */
  readonly detach: boolean
  /** Kept in the journal. */
  readonly message: string | undefined
}

/** @throws PypaasError `usage` for an option that there is not */
export function parsePushOptions(options: readonly string[]): PushOptions {
  const message = options.findLast((option) => option.startsWith('message='))
  const unknown = options.find(
    (option) => !['dry-run', 'no-cache', 'detach'].includes(option) && !option.startsWith('message='),
  )
  if (unknown !== undefined) {
    throw new PypaasError('usage', `there is no push option ${JSON.stringify(unknown)}`, {
      hint: 'there are: -o dry-run, -o no-cache, -o detach, -o message=TEXT',
    })
  }
  return {
    dryRun: options.includes('dry-run'),
    noCache: options.includes('no-cache'),
    detach: options.includes('detach'),
    message: message
      ?.slice('message='.length)
      .replaceAll(/\p{Cc}/gu, ' ')
      .slice(0, 500),
  }
}
