/** Makes an artifact: a revision, built, with all that it needs, in one file. */
import { mkdir, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { bower } from '../build/bower.ts'
import { buildSh } from '../build/build-sh.ts'
import type { Builder, BuildJob } from '../build/builder.ts'
import { hasFile } from '../build/detect.ts'
import { buildCheckout } from '../build/index.ts'
import { npm } from '../build/npm.ts'
import type { Context } from '../context.ts'
import { BUILD_MARK, type Target } from '../environment.ts'
import { hasErrno, PypaasError, systemFailure } from '../errors.ts'
import { createCheckout } from '../git/checkout.ts'
import { withLock } from '../system/lock.ts'
import { endMarked } from '../system/marked.ts'
import type { Output } from '../system/output.ts'
import { assemble, type BuiltArtifact } from './assemble.ts'
import { builderKeys } from './builder-keys.ts'
import { DIST_SCRIPT, runDist } from './dist.ts'
import type { Format } from './format.ts'
import { WHEELS } from './info.ts'
import { INSTALL_SCRIPT, writeInstallScript } from './install-script.ts'
import { compatOf, projectName } from './project.ts'
import { runNamedScript, runProjectScript, type ScriptPlaces } from './scripts.ts'
import { openSource, type Source } from './source.ts'
import { versionOf } from './version.ts'
import { isPython, makeBuildVenv, wheelBuilder } from './wheels.ts'

export type { BuiltArtifact } from './assemble.ts'

export interface ArtifactRequest {
  /** A directory of a git repository, or a URL. */
  readonly source: string
  /** Default: HEAD. */
  readonly rev?: string | undefined
  /** Default: by the tag or the commit. */
  readonly version?: string | undefined
  /** The directory that the artifact is put into. */
  readonly output: string
  readonly format: Format
  readonly prebuildScript?: string | undefined
  readonly postbuildScript?: string | undefined
  /** False: what is not in the caches is not had. */
  readonly download: boolean
  /** What the paths above are relative to. */
  readonly cwd: string
}

/** Where one artifact is made, of what. */
interface Work {
  readonly ctx: Context
  readonly request: ArtifactRequest
  readonly source: Source
  readonly target: Target
  readonly places: ScriptPlaces
  readonly output: Output
  readonly signal: AbortSignal
}

/**
 * Builds an artifact. The same commit gives the same bytes, as far as the project's own build does.
 * @throws PypaasError `failed` with the last lines of what failed, `usage`, or `cancelled`; then there is no artifact
 */
export async function buildArtifact(
  ctx: Context,
  request: ArtifactRequest,
  output: Output,
  signal: AbortSignal,
): Promise<BuiltArtifact> {
  const { cwd, rev, download } = request
  const source = await openSource(ctx, request.source, { cwd, rev, download, output, signal })
  const version = versionOf(request.version, source)
  await checkOutput(resolve(cwd, request.output))
  output.line(`${source.commit.slice(0, 11)} ${source.message.split('\n', 1)[0] ?? ''}`)
  const lock = {
    what: `a build of an artifact of ${source.name}`,
    now: ctx.now(),
    signal,
    onWait: () => output.line('waiting for another build of this project'),
  }
  return withLock(ctx.paths.artifactWorkLock(source.name), lock, async () => {
    const root = ctx.paths.artifactWork(source.name)
    // What a build that was killed has left running would write into this one.
    await endMarked(root)
    await rm(root, { recursive: true, force: true })
    try {
      return await make(await prepare(marked(ctx, root), request, source, root, output, signal), version)
    } finally {
      await rm(root, { recursive: true, force: true })
    }
  })
}

function marked(ctx: Context, root: string): Context {
  return { ...ctx, baseEnv: { ...ctx.baseEnv, [BUILD_MARK]: root } }
}

/** Before the build, not after it. @throws PypaasError `usage` if the place for the artifact is no directory */
async function checkOutput(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (!hasErrno(error, 'ENOENT')) throw systemFailure(error) ?? notADirectory(path)
  })
  if (found?.isDirectory() === false) throw notADirectory(path)
}

function notADirectory(path: string): PypaasError {
  return new PypaasError('usage', `${path} is no directory`, {
    hint: 'name a directory with --output; it is made if it is not there',
  })
}

/** The clean export, and the places that scripts may know of. */
async function prepare(
  ctx: Context,
  request: ArtifactRequest,
  source: Source,
  root: string,
  output: Output,
  signal: AbortSignal,
): Promise<Work> {
  const checkout = join(root, 'source')
  const path = join(checkout, source.subdirectory)
  const here = join(root, 'artifact')
  await createCheckout(ctx, source.repository, source.commit, checkout, { output, signal })
  const places: ScriptPlaces = {
    HERE: here,
    DATA_DIR: join(here, 'data'),
    SOURCE_DIR: path,
    SCRATCHPAD: join(root, 'scratch'),
    INSTALL_SCRIPT: join(here, INSTALL_SCRIPT),
    VIRTUAL_ENV: join(path, 'venv'),
    DIST_DIR: join(root, 'dist'),
  }
  for (const made of [path, places.DATA_DIR, places.SCRATCHPAD, places.DIST_DIR]) {
    await mkdir(made, { recursive: true })
  }
  await writeInstallScript(here)
  const offline = { npm_config_offline: 'true', PIP_NO_INDEX: '1', PIP_FIND_LINKS: ctx.paths.artifactWheels }
  // Tools that a script calls are told, too.
  const env = { PIP_CACHE_DIR: ctx.paths.artifactPip, ...(request.download ? {} : offline) }
  return { ctx, request, source, places, output, signal, target: { path, commit: source.commit, env } }
}

async function make(work: Work, version: string): Promise<BuiltArtifact> {
  const { ctx, request, source, target, places, output, signal } = work
  const name = await projectName(target.path, source.name)
  const compat = await compatOf(target.path)
  let app = target.path
  let builders: Record<string, string> = {}
  const dist: Builder = {
    name: DIST_SCRIPT,
    applies: () => Promise.resolve(true),
    async build(job) {
      app = await runDist(withPlaces(job, work), places)
      builders = await builderKeys(job, join(places.HERE, WHEELS))
    },
  }
  await buildCheckout(ctx, target, undefined, output, {
    signal,
    timeout: ctx.config.main.builds.timeout,
    cache: true,
    builders: [...(await buildersOf(work)), dist, postbuild(work)],
  })
  const result = resolve(request.cwd, request.output)
  const { format } = request
  const { HERE: here } = places
  return assemble({ here, app, source, name, version, compat, builders, output: result, format, signal })
}

/**
 * `scripts/build.sh` takes the place of the builders, as the hook `build` does in a deploy. Python packages are
 * collected in any case: an installed app could not have them from elsewhere.
 */
async function buildersOf(work: Work): Promise<Builder[]> {
  const { ctx, request, places, target } = work
  const wheels = wheelBuilder({
    wheels: join(places.HERE, WHEELS),
    python: join(places.DATA_DIR, 'python'),
    scratch: join(places.SCRATCHPAD, 'project'),
    cache: ctx.paths.artifactWheels,
    download: request.download,
  })
  const own = await hasFile(target.path, 'scripts/build.sh')
  return [
    prebuild(work),
    ...(own ? [wheels, scriptBuilder(work, 'scripts/build.sh')] : [npm, bower, wheels, buildSh]),
    scriptBuilder(work, 'scripts/test.sh'),
  ]
}

function prebuild(work: Work): Builder {
  const { prebuildScript, cwd } = work.request
  return {
    name: 'prebuild script',
    applies: () => Promise.resolve(prebuildScript !== undefined),
    async build(job) {
      if (await isPython(job.target)) await makeBuildVenv(job)
      await runNamedScript(withPlaces(job, work), prebuildScript ?? '', cwd)
    },
  }
}

function postbuild(work: Work): Builder {
  const { postbuildScript, cwd } = work.request
  return {
    name: 'postbuild script',
    applies: () => Promise.resolve(postbuildScript !== undefined),
    build: (job) => runNamedScript(withPlaces(job, work), postbuildScript ?? '', cwd),
  }
}

function scriptBuilder(work: Work, script: string): Builder {
  return {
    name: script,
    applies: (target) => hasFile(target.path, script),
    build: async (job) => void (await runProjectScript(withPlaces(job, work), script)),
  }
}

/** The commit's time is what tools stamp their results with, so that these are the same the next time (reproducible-builds.org). */
function withPlaces(job: BuildJob, { places, source }: Work): BuildJob {
  const epoch = String(Math.floor(source.committed.getTime() / 1000))
  return { ...job, env: { ...job.env, ...places, SOURCE_DATE_EPOCH: epoch } }
}
