/** Virtualenvs of apps: one for the same Python, platform and requirements, shared by versions, removed with the last. */
import { createHash } from 'node:crypto'
import { lstat, readdir, readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { runStep, type BuildJob } from '../build/builder.ts'
import { hasFile } from '../build/detect.ts'
import { readRequirements } from '../build/pip.ts'
import { platformIdentity, pythonVersion } from '../build/runtime.ts'
import { completeMark, findPython, hasVenv, makeVenv, removeVenv, shareVenv } from '../build/venv.ts'
import type { Context } from '../context.ts'
import { environmentOf } from '../environment.ts'
import { nameOfFile } from '../names.ts'
import type { AppRef } from '../paths.ts'
import { namesIn, readLinkIfThere, replaceLink } from '../system/files.ts'
import { withLock } from '../system/lock.ts'
import type { HookRun, Version } from './app-hooks.ts'

const REQUIREMENTS = 'requirements.txt'
/** The name that apps of yodeploy know it by. */
const OTHER_NAME = 'virtualenv'

/**
 * Gives the version a virtualenv with what its requirements.txt names, as `venv`. One that another version has made
 * is linked. Packages that came with the artifact are installed from there, and nothing then from the network.
 * @param wheels directory of these packages; undefined: none came
 */
export async function linkVirtualenv(
  ctx: Context,
  version: Version,
  wheels: string | undefined,
  run: HookRun & { readonly signal: AbortSignal },
): Promise<void> {
  const { path } = version.target
  if (!(await hasFile(path, REQUIREMENTS)) || (await hasVenv(path))) return
  const job = jobOf(ctx, version, run)
  const key = await virtualenvKey(job, wheels)
  if (key === undefined) {
    await makeVenv(job, join(path, 'venv'))
    await installInto(job, join(path, 'venv'), wheels)
  } else {
    const places = ctx.paths.app(version.app)
    const place = { path: places.virtualenv(key), lock: places.virtualenvLock(key) }
    const fill = async (at: string): Promise<void> => {
      await makeVenv(job, at)
      await installInto(job, at, wheels)
    }
    const reused = await shareVenv(job, key, fill, place)
    job.output.line(`virtualenv ${key}${reused ? ' is there already' : ''}`)
  }
  if ((await lstat(join(path, OTHER_NAME)).catch(() => undefined)) === undefined)
    await replaceLink(join(path, OTHER_NAME), 'venv')
}

/**
 * `<python version>-<platform>-<hash>`; the hash is over the requirements, those that they include, and the packages
 * that came with them. Undefined: they depend on more than that, such as a directory of the app.
 */
async function virtualenvKey(job: BuildJob, wheels: string | undefined): Promise<string | undefined> {
  const python = await findPython(job)
  const { texts, unkeyable } = await readRequirements(join(job.target.path, REQUIREMENTS))
  if (unkeyable !== undefined) {
    job.output.line(
      `virtualenv: made for this version alone, because ${REQUIREMENTS} has the line \`${unkeyable}\``,
    )
    return undefined
  }
  const hash = createHash('sha256').update(JSON.stringify(texts))
  for (const name of wheels === undefined ? [] : (await readdir(wheels)).toSorted()) {
    hash.update(`\0${name}\0`).update(await readFile(join(wheels ?? '', name)))
  }
  const version = await pythonVersion(job.ctx, python, job.env, job.target.path)
  return `${version}-${await platformIdentity()}-${hash.digest('hex').slice(0, 32)}`
}

async function installInto(job: BuildJob, venv: string, wheels: string | undefined): Promise<void> {
  const from = wheels === undefined ? [] : ['--no-index', '--find-links', wheels]
  await runStep(job, [join(venv, 'bin', 'python'), '-m', 'pip', 'install', ...from, '-r', REQUIREMENTS])
}

function jobOf(
  ctx: Context,
  { target }: Version,
  { output, signal }: HookRun & { readonly signal: AbortSignal },
): BuildJob {
  const env = {
    PIP_CACHE_DIR: ctx.paths.downloads('pip'),
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_NO_INPUT: '1',
    ...environmentOf(ctx.baseEnv, target),
  }
  return { ctx, target, env, output, signal, cache: true, shared: { nodeModules: undefined } }
}

/**
 * Removes virtualenvs that nothing links to any more. The caller holds the app's lock.
 * @param users directories whose subdirectories are versions: those of the app, and the checkouts of its branch
 * @returns the keys that were removed
 */
export async function pruneVirtualenvs(
  ctx: Context,
  app: AppRef,
  users: readonly string[],
): Promise<string[]> {
  const places = ctx.paths.app(app)
  const linked = new Set<string>()
  for (const directory of users) {
    for (const name of await namesIn(directory)) {
      const target = await readLinkIfThere(join(directory, name, 'venv'))
      if (target !== undefined) linked.add(basename(target))
    }
  }
  const removed: string[] = []
  const files = await namesIn(places.virtualenvs)
  for (const file of new Set(files.map((name) => name.replace(/\.(lock|complete)$/, '')))) {
    const key = nameOfFile(file)
    if (key === undefined || linked.has(file)) continue
    const path = places.virtualenv(key)
    const options = { what: 'the removal of unused virtualenvs', now: ctx.now() }
    await withLock(places.virtualenvLock(key), options, () => removeVenv(path))
    // Only whoever holds the app's lock makes virtualenvs of it, so nobody waits for this one.
    await rm(places.virtualenvLock(key), { force: true })
    await rm(completeMark(path), { force: true })
    removed.push(key)
  }
  return removed
}
