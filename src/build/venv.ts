/** Python's virtual environments: a checkout's own, or one that checkouts with the same requirements share. */
import { chmod, lstat, mkdir, readdir, rm, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { messageOf, PypaasError } from '../errors.ts'
import { readIfThere, replaceFile, replaceLink } from '../system/files.ts'
import { withLock } from '../system/lock.ts'
import { lastLines, tee } from '../system/output.ts'
import { capture } from '../system/run.ts'
import { runStep, type BuildJob } from './builder.ts'
import { hasFile } from './detect.ts'
import { findProgram } from './runtime.ts'

/** Beside a shared virtual environment, written last: without it, it was not finished. Its time is the last use. */
export function completeMark(venv: string): string {
  return `${venv}.complete`
}

/** Whether the checkout has a virtual environment already: made by an earlier builder or by a hook. */
export function hasVenv(checkout: string): Promise<boolean> {
  return hasFile(checkout, 'venv/bin/python')
}

/** Makes a virtual environment at `path` with the python3 on PATH. */
export async function makeVenv(job: BuildJob, path: string): Promise<void> {
  await findPython(job)
  const tail = lastLines(40)
  try {
    await runStep({ ...job, output: tee(job.output, tail) }, ['python3', '-m', 'venv', path])
  } catch (error) {
    // Debian keeps ensurepip in a package of its own.
    const missing = tail.lines.some((line) => /ensurepip is not|No module named (ensurepip|venv)/.test(line))
    if (!missing || !(error instanceof PypaasError)) throw error
    throw new PypaasError('failed', 'python3 on this host cannot make virtual environments', {
      hint: 'run `apt-get install python3-venv` on this host',
      cause: error,
      output: error.output,
    })
  }
}

/** The python3 on PATH. */
export async function findPython(job: BuildJob): Promise<string> {
  const python = findProgram('python3', job.env)
  if (python !== undefined) return python
  throw new PypaasError('failed', 'python3 is not installed: it is in no directory of PATH', {
    hint: 'run `apt-get install python3 python3-venv` on this host',
  })
}

/** Where a shared virtual environment is made, and what is held meanwhile. */
export interface VenvPlace {
  readonly path: string
  readonly lock: string
}

/**
 * Points `venv` of the checkout at the shared virtual environment of this key, which is made by `fill` if
 * there is none yet. It is made where it stays, because it holds absolute paths, and is read-only when it is
 * finished: installing into it would change what other releases run with.
 * @returns whether it was there already
 */
export async function shareVenv(
  job: BuildJob,
  key: string,
  fill: (path: string) => Promise<void>,
  { path, lock }: VenvPlace = { path: job.ctx.paths.venv(key), lock: job.ctx.paths.venvLock(key) },
): Promise<boolean> {
  const complete = completeMark(path)
  const options = {
    what: 'a build that makes a virtual environment',
    now: job.ctx.now(),
    signal: job.signal,
    onWait: () => job.output.line('venv: waiting for another build that makes the same one'),
  }
  return withLock(lock, options, async () => {
    const reused = (await readIfThere(complete)) !== undefined
    if (!reused) {
      await removeVenv(path)
      await mkdir(dirname(path), { recursive: true })
      try {
        await fill(path)
        await setWritable(path, false)
        await flush(job, path)
        await replaceFile(complete, '')
      } catch (error) {
        await removeVenv(path)
        throw error
      }
    }
    await utimes(complete, job.ctx.now(), job.ctx.now())
    await replaceLink(join(job.target.path, 'venv'), path)
    return reused
  })
}

/**
 * Writes what pip left in the page cache to the disk (sync(1)): after a power cut, the mark must not stand
 * beside a virtual environment of empty files.
 */
async function flush(job: BuildJob, path: string): Promise<void> {
  try {
    await capture(['sync', '-f', path], { env: job.env, signal: job.signal })
  } catch (error) {
    if (job.signal.aborted) throw error
    job.ctx.log.warn(
      { path, reason: messageOf(error) },
      'a virtual environment could not be flushed to the disk',
    )
  }
}

/** Removes a shared virtual environment, finished or not. */
export async function removeVenv(path: string): Promise<void> {
  // First of all it is no longer complete, should the removal be cut short.
  await rm(completeMark(path), { force: true })
  await setWritable(path, true)
  await rm(path, { recursive: true, force: true })
}

/** Gives or takes the owner's right to write; of everybody's right when it is taken. */
async function setWritable(path: string, writable: boolean): Promise<void> {
  const stat = await lstat(path).catch(() => undefined)
  if (stat === undefined || stat.isSymbolicLink()) return
  if (stat.isDirectory()) {
    if (writable) await chmod(path, stat.mode | 0o200)
    for (const name of await readdir(path)) await setWritable(join(path, name), writable)
  }
  // To remove a tree, only its directories have to be writable.
  if (!writable) await chmod(path, stat.mode & 0o7555)
}
