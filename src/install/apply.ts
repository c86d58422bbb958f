/** Applies a plan to the host: each step only as far as it is not so already. */
import { lstat, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { PypaasError } from '../errors.ts'
import { readIfThere, replaceLink } from '../system/files.ts'
import type { Output } from '../system/output.ts'
import { capture } from '../system/run.ts'
import { hostEnvironment } from './accounts.ts'
import { examine, idsFor, newMode, type Host } from './examine.ts'
import { placeDirectory, placeFile, placeWithDirectory } from './place.ts'
import {
  subjectOf,
  type DirectoryStep,
  type FileStep,
  type Outcome,
  type Step,
  type StepReport,
} from './step.ts'

export interface ApplyOptions {
  /** `/`, or the directory of an image. */
  readonly root: string
  /** Only tell what would be done. */
  readonly dryRun: boolean
}

/**
 * Everything that is in the way is found before the first change. Told line by line, and returned.
 * @throws PypaasError `denied` without root's rights on the running system; `failed` naming what is in the way
 */
export async function applyInstall(
  steps: readonly Step[],
  output: Output,
  options: ApplyOptions,
): Promise<StepReport[]> {
  const root = resolve(options.root)
  const host: Host = { root, privileged: process.geteuid?.() === 0 }
  const reports = await examineAll(steps, host)
  if (options.dryRun) {
    for (const report of reports) output.line(lineOf(report, true))
    return reports
  }
  if (!host.privileged && root === '/') {
    throw new PypaasError('denied', '`pypaas install` changes the system and has to be run as root', {
      hint: 'run it with sudo, or see what it would do with --dry-run',
    })
  }
  // Modes of directories that are made on the way must not depend on who types the command.
  const umask = process.umask(0o022)
  try {
    return await applyAll(steps, host, output)
  } finally {
    process.umask(umask)
  }
}

async function examineAll(steps: readonly Step[], host: Host): Promise<StepReport[]> {
  const changed = new Set<string>()
  const obstacles: PypaasError[] = []
  const reports: StepReport[] = []
  for (const step of steps) {
    try {
      reports.push(remember(step, await examine(step, host, changed), changed))
    } catch (error) {
      if (!(error instanceof PypaasError)) throw error
      obstacles.push(error)
    }
  }
  if (obstacles.length === 0) return reports
  if (obstacles.length === 1 && obstacles[0] !== undefined) throw obstacles[0]
  throw new PypaasError('failed', `${obstacles.length} things are in the way; nothing was changed`, {
    output: obstacles.map((one) => `${one.message}: ${one.hint ?? ''}`),
    hint: 'clear these up, then run this again',
  })
}

async function applyAll(steps: readonly Step[], host: Host, output: Output): Promise<StepReport[]> {
  const changed = new Set<string>()
  const reports: StepReport[] = []
  for (const step of steps) {
    // Looked at again: the user may be there by now, a unit may be running.
    const outcome = await examine(step, host, changed)
    if (outcome === 'created' || outcome === 'changed') await apply(step, host)
    const report = remember(step, outcome, changed)
    reports.push(report)
    output.line(lineOf(report, false))
  }
  return reports
}

async function apply(step: Step, host: Host): Promise<void> {
  switch (step.kind) {
    case 'user':
    case 'command':
      await capture(step.argv, { env: hostEnvironment })
      break
    case 'directory':
      await applyDirectory(step, host)
      break
    case 'file':
      await applyFile(step, host)
      break
    case 'link':
      await replaceLink(step.path, step.target)
      break
    case 'unlink':
      await rm(step.path)
      break
    case 'note':
  }
}

async function applyDirectory(step: DirectoryStep, host: Host): Promise<void> {
  const found = await lstat(step.path).catch(() => undefined)
  const mode = found === undefined ? step.mode : newMode(step, found.mode)
  await placeDirectory(step.path, mode, await idsFor(host, step.owner))
}

async function applyFile(step: FileStep, host: Host): Promise<void> {
  const former = await readIfThere(step.path)
  const owner = await idsFor(host, step.owner)
  const place = step.withDirectory === true ? placeWithDirectory : placeFile
  const file = { path: step.path, mode: step.mode, owner }
  await place({ ...file, text: step.text }, async (path) => {
    if (step.checkText !== undefined) await capture([...step.checkText, path], { env: hostEnvironment })
  })
  if (step.checkHost === undefined) return
  try {
    await capture(step.checkHost, { env: hostEnvironment })
  } catch (error) {
    if (former === undefined) await rm(step.path)
    else await placeFile({ ...file, text: former }, async () => {})
    const command = step.checkHost.join(' ')
    throw new PypaasError('failed', `with ${step.path} in place \`${command}\` fails, so it was taken back`, {
      cause: error,
      output: error instanceof PypaasError ? error.output : [],
      hint: `if \`${command}\` fails now too, repair that first; then run this again`,
    })
  }
}

function remember(step: Step, outcome: Outcome, changed: Set<string>): StepReport {
  if ('path' in step && (outcome === 'created' || outcome === 'changed')) changed.add(step.path)
  return { outcome, what: subjectOf(step) }
}

function lineOf({ outcome, what }: StepReport, dryRun: boolean): string {
  const planned: Record<Outcome, string> = {
    created: 'to create',
    changed: 'to change',
    unchanged: 'unchanged',
    note: 'note',
  }
  return `${(dryRun ? planned[outcome] : outcome).padEnd(9)}  ${what}`
}
