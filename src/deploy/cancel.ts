/** Cancelling a deploy from another process: a file beside its record, which the deploy watches for. */
import { existsSync, mkdirSync, readFileSync, renameSync, watch, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { PypaasError } from '../errors.ts'
import type { Paths, ReleaseRef } from '../paths.ts'
import { temporaryBeside } from '../system/files.ts'

/** Asks a deploy to cancel itself. It does so before SWITCH; after it there is nothing to cancel. */
export function requestCancel(paths: Paths, ref: ReleaseRef, by: string): void {
  const file = paths.cancelFile(ref)
  const temporary = temporaryBeside(file)
  writeFileSync(temporary, by)
  renameSync(temporary, file)
}

export async function withdrawCancel(paths: Paths, ref: ReleaseRef): Promise<void> {
  await rm(paths.cancelFile(ref), { force: true })
}

/** Calls `cancel` with the reason when it is asked to. Returns what ends the watching. */
export function onCancelRequest(
  paths: Paths,
  ref: ReleaseRef,
  cancel: (reason: PypaasError) => void,
): () => Promise<void> {
  const directory = paths.deploys(ref)
  mkdirSync(directory, { recursive: true })
  const file = paths.cancelFile(ref)
  const watcher = watch(directory, { persistent: false }, (_event, name) => {
    if (name !== basename(file) || !existsSync(file)) return
    cancel(new PypaasError('cancelled', `it was cancelled by ${readFileSync(file, 'utf8')}`))
  })
  // Without watching, a deploy just cannot be cancelled.
  watcher.on('error', () => watcher.close())
  return async () => {
    watcher.close()
    await withdrawCancel(paths, ref)
  }
}
