/**
 * Python packages of an artifact as wheels, with what makes the virtualenv of them on a host that has neither the
 * network nor pip. Takes the place of the builders that install into a checkout.
 */
import { copyFile, cp, mkdir, readdir, rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { runStep, type Builder, type BuildJob } from '../build/builder.ts'
import { hasFile } from '../build/detect.ts'
import { setupPy } from '../build/setup-py.ts'
import { hasVenv, makeVenv } from '../build/venv.ts'
import type { Target } from '../environment.ts'
import { hasErrno, PypaasError } from '../errors.ts'
import { temporaryBeside } from '../system/files.ts'
import { capture } from '../system/run.ts'

export interface WheelPlaces {
  /** Where the wheels go. */
  readonly wheels: string
  /** Where pip's own wheel goes. */
  readonly python: string
  /** For a copy of the project: building a wheel leaves files beside the sources. Not there yet. */
  readonly scratch: string
  /** Wheels of this and former builds. */
  readonly cache: string
  /** False: packages come from the cache only. */
  readonly download: boolean
}

/** Seconds since 1970; the earliest that a zip, and so a wheel, can tell: 1980-01-01. */
const WHEEL_TIME = '315532800'

/** Whether the project has Python packages to install, or is one. */
export async function isPython(target: Target): Promise<boolean> {
  return (await hasFile(target.path, 'requirements.txt')) || (await setupPy.applies(target))
}

/** `venv` of the project for the time of the build: scripts find it on PATH. It does not go into the artifact. */
export async function makeBuildVenv(job: BuildJob): Promise<void> {
  if (!(await hasVenv(job.target.path))) await makeVenv(job, 'venv')
}

export function wheelBuilder(places: WheelPlaces): Builder {
  return {
    name: 'pip',
    applies: isPython,
    async build(job) {
      await makeBuildVenv(job)
      await mkdir(places.wheels, { recursive: true })
      await collectWheels(job, places)
      await bringPip(job, places.python)
      const wheels = (await readdir(places.wheels)).toSorted().map((name) => join(places.wheels, name))
      if (wheels.length === 0) return
      // What a host will do: that it can be done is seen here.
      await runStep(job, [PYTHON, '-m', 'pip', 'install', '--quiet', '--no-index', '--no-deps', ...wheels])
    },
  }
}

const PYTHON = 'venv/bin/python'

async function collectWheels(job: BuildJob, places: WheelPlaces): Promise<void> {
  const { path } = job.target
  const own = new Set(['node_modules', 'venv'].map((name) => join(path, name)))
  await cp(path, places.scratch, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (each) => !own.has(each),
  })
  await mkdir(places.cache, { recursive: true })
  const what = [
    ...((await hasFile(path, 'requirements.txt')) ? ['-r', 'requirements.txt'] : []),
    ...((await setupPy.applies(job.target)) ? ['.'] : []),
  ]
  const from = places.download ? [] : ['--no-index', '--find-links', places.cache]
  const env = { ...job.env, SOURCE_DATE_EPOCH: WHEEL_TIME, PYTHONHASHSEED: '0' }
  await runStep({ ...job, env, target: { ...job.target, path: places.scratch } }, [
    join(path, PYTHON),
    '-m',
    'pip',
    'wheel',
    '--wheel-dir',
    places.wheels,
    ...from,
    ...what,
  ])
  for (const name of await readdir(places.wheels)) await keepWheel(join(places.wheels, name), places.cache)
}

/** Whole or not at all: another build may look for it at this moment. */
async function keepWheel(wheel: string, cache: string): Promise<void> {
  const kept = join(cache, basename(wheel))
  const temporary = temporaryBeside(kept)
  await copyFile(wheel, temporary)
  await rename(temporary, kept)
}

/** Where Pythons keep the wheel that `ensurepip` installs; Debian's is in a package of its own. */
const FIND_PIP = `
import ensurepip, glob, os, sysconfig
places = [sysconfig.get_config_var('WHEEL_PKG_DIR'), os.path.join(os.path.dirname(ensurepip.__file__), '_bundled'), '/usr/share/python-wheels']
found = [name for place in places if place for name in sorted(glob.glob(os.path.join(glob.escape(place), 'pip-*.whl')))]
print(found[0] if found else '')
`

async function bringPip(job: BuildJob, directory: string): Promise<void> {
  const argv = [join(job.target.path, PYTHON), '-c', FIND_PIP]
  const wheel = (await capture(argv, { env: job.env, cwd: job.target.path, signal: job.signal })).trim()
  if (wheel === '') {
    throw new PypaasError('failed', "pip's own wheel is not on this host, and the artifact needs it", {
      hint: 'run `apt-get install python3-venv python3-pip-whl` on this host',
    })
  }
  await mkdir(directory, { recursive: true })
  await copyFile(wheel, join(directory, basename(wheel)))
}

/** Names of the wheels that were collected; none if the project is not Python's. */
export async function wheelsIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).toSorted()
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return []
    throw error
  }
}
