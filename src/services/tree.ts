/** A release as a directory of services with a svscan of its own (DESIGN 5). */
import { spawn } from 'node:child_process'
import { constants, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { hasErrno, PypaasError } from '../errors.ts'
import type { BranchRef, ReleaseRef } from '../paths.ts'
import { processesOf, type Release, type ReleaseProcess } from '../release.ts'
import { readIfThere, temporaryBeside } from '../system/files.ts'
import { listDirectory } from '../system/state.ts'
import { readTemplate } from '../templates.ts'
import { isSupervised } from './daemontools.ts'
import { markOf } from './members.ts'
import { environmentFile, MARK, renderScript } from './scripts.ts'

export { delist, enlist } from './enlistment.ts'
export { stopServices } from './stop.ts'

/** Seconds until every supervise of a started release must be there. It takes some 10 ms. */
const START_TIMEOUT = 10
/** Name of the file in a release's directory that takes what its svscan and supervises say. */
const SVSCAN_LOG = 'svscan.log'

/**
 * Writes the services of a release, as a whole: whoever looks sees none or all.
 * Nothing runs by this alone. It is not on the disk for good before {@link enlist}. Synchronous: a dozen small files
 * are a millisecond, and five through the thread pool.
 * @param envOf the complete environment of a process
 */
export function writeServices(
  ctx: Context,
  release: Release,
  checkoutPath: string,
  envOf: (process: ReleaseProcess) => Readonly<Record<string, string>>,
): void {
  const { main } = ctx.config
  const runTemplate = readTemplate('services/run.mustache')
  const appTemplate = main.runScriptTemplate ?? readTemplate('services/app.mustache')
  const logTemplate = main.logScriptTemplate ?? readTemplate('services/log.mustache')
  const target = ctx.paths.releaseServices(release)
  const temporary = temporaryBeside(target)
  mkdirSync(dirname(target), { recursive: true })
  try {
    mkdirSync(temporary, { mode: 0o700 })
    writeFileSync(join(temporary, SVSCAN_LOG), '', { mode: 0o600 })
    for (const process of processesOf(release)) {
      const { runner, index, port } = process
      const service = ctx.paths.service(release, runner.name, index)
      const subject = {
        ...release,
        checkoutPath,
        runner: runner.name,
        index,
        port,
        cmd: runner.cmd,
        envFile: join(service, 'env'),
        stopTimeout: runner.stopTimeout,
      }
      const directory = join(temporary, service.slice(target.length + 1))
      mkdirSync(join(directory, 'log'), { recursive: true, mode: 0o700 })
      const script = (path: string, template: string): void =>
        writeFileSync(join(directory, path), renderScript(template, subject), { mode: 0o700 })
      script('run', runTemplate)
      script('app', appTemplate)
      script('log/run', logTemplate)
      writeFileSync(join(directory, 'env'), environmentFile(envOf(process)), { mode: 0o600 })
    }
    renameOver(temporary, target)
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    throw error
  }
}

/** Renames a directory to a name that a deploy which was cut short may have left. */
function renameOver(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (!hasErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error
    const aside = temporaryBeside(to)
    renameSync(to, aside)
    renameSync(from, to)
    rmSync(aside, { recursive: true, force: true })
  }
}

/**
 * Starts the release's svscan, in a session of its own and with nothing of ours
 * but PATH, and returns when every supervise is there. A release that runs
 * already is left as it is.
 * @throws PypaasError `failed` with what svscan said
 */
export async function startServices(ctx: Context, ref: ReleaseRef): Promise<void> {
  const directory = ctx.paths.releaseServices(ref)
  const services = await serviceDirectories(directory)
  if (services.length === 0) return
  const said = await open(
    join(directory, SVSCAN_LOG),
    constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT,
    0o600,
  )
  const ended = new AbortController()
  let cause: unknown
  try {
    const child = spawn('setlock', ['-n', ctx.paths.releaseLock(ref), 'svscan', directory], {
      cwd: directory,
      detached: true,
      env: { PATH: ctx.baseEnv['PATH'], [MARK]: markOf(ctx.paths, ref) },
      stdio: ['ignore', said.fd, said.fd],
    })
    child.on('error', (error) => {
      cause = error
      ended.abort()
    })
    child.on('exit', () => ended.abort())
    child.unref()
  } finally {
    await said.close()
  }

  const missing = (): string[] => services.filter((service) => !isSupervised(service))
  const deadline = performance.now() + START_TIMEOUT * 1000
  while (missing().length > 0) {
    // The lock may be with a svscan that the host's has started; then its supervises come too.
    const over = cause !== undefined || performance.now() > deadline
    if (over || (ended.signal.aborted && !(await isStarting(missing)))) {
      throw new PypaasError('failed', `the processes of ${ref.repo} ${ref.branch} cannot be started`, {
        cause,
        where: directory,
        hint: hasErrno(cause, 'ENOENT')
          ? 'install daemontools: `setlock` and `svscan` are not in PATH'
          : 'if something of this release still runs, `pypaas cleanup` ends it',
        output: ((await readIfThere(join(directory, SVSCAN_LOG))) ?? '').trim().split('\n').slice(-10),
      })
    }
    await delay(1)
  }
}

/** Milliseconds in which run scripts have become the programs. They take some 10. */
const RUN_TIMEOUT = 200

/**
 * Waits for the run scripts of a release that has just been started, for the first time, to become its programs: what
 * is forced to the disk meanwhile would hold up their own small files. In vain it waits for {@link RUN_TIMEOUT} at most.
 */
export async function untilRun(ctx: Context, release: Release): Promise<void> {
  const pids = processesOf(release).map(({ runner, index }) =>
    join(ctx.paths.service(release, runner.name, index), 'pid'),
  )
  const deadline = performance.now() + RUN_TIMEOUT
  while (!pids.every((file) => existsSync(file)) && performance.now() < deadline) await delay(2)
}

/** Milliseconds in which another svscan, which has the lock, must have got further. */
const PROGRESS = 500

async function isStarting(missing: () => string[]): Promise<boolean> {
  const before = missing().length
  for (let waited = 0; waited < PROGRESS; waited += 10) {
    if (missing().length < before) return true
    await delay(10)
  }
  return false
}

/** The services of a release and their logs. */
async function serviceDirectories(directory: string): Promise<string[]> {
  return (await listDirectory(directory))
    .filter((name) => name !== SVSCAN_LOG)
    .flatMap((name) => [join(directory, name), join(directory, name, 'log')])
}

/** Names of the releases of a branch that run, or have run and have not been retired: those with a lock. */
export async function startedReleases({ paths }: Context, ref: BranchRef): Promise<string[]> {
  return (await listDirectory(paths.servicesRealOf(ref)))
    .filter((name) => name.endsWith('.lock'))
    .map((name) => name.slice(0, -'.lock'.length))
}

/** Removes of a release that has been stopped all but its logs, which stay for as long as the release is kept. */
export async function retireServices(ctx: Context, ref: ReleaseRef): Promise<void> {
  const directory = ctx.paths.releaseServices(ref)
  for (const service of await listDirectory(directory)) {
    const path = join(directory, service)
    if (service === SVSCAN_LOG) await rm(path, { force: true })
    else await removeExcept(path, ['log'])
    await removeExcept(join(path, 'log'), ['main'])
  }
  // Its name never comes again, so nobody can be about to take it.
  await rm(ctx.paths.releaseLock(ref), { force: true })
}

async function removeExcept(directory: string, kept: readonly string[]): Promise<void> {
  for (const name of await listDirectory(directory)) {
    if (!kept.includes(name)) await rm(join(directory, name), { recursive: true, force: true })
  }
}

/** Removes the directory of a release that has been stopped, its logs with it, and its lock file. */
export async function removeServices(ctx: Context, ref: ReleaseRef): Promise<void> {
  const directory = ctx.paths.releaseServices(ref)
  const aside = temporaryBeside(directory)
  try {
    await rename(directory, aside)
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error
  }
  await rm(aside, { recursive: true, force: true })
  await rm(ctx.paths.releaseLock(ref), { force: true })
}
