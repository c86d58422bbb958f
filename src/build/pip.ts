/** requirements.txt: Python packages in `venv`. */
import { realpath } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { readIfThere } from '../system/files.ts'
import { runStep, type BuildJob, type Builder } from './builder.ts'
import { hasFile } from './detect.ts'
import { keyedEnvironment, treeKey } from './key.ts'
import { parseRequirements } from './requirements.ts'
import { platformIdentity, pythonVersion } from './runtime.ts'
import { setupPy } from './setup-py.ts'
import { findPython, hasVenv, makeVenv, shareVenv } from './venv.ts'

const REQUIREMENTS = 'requirements.txt'

export const pip: Builder = {
  name: 'pip',
  applies: (target) => hasFile(target.path, REQUIREMENTS),
  async build(job) {
    const venv = join(job.target.path, 'venv')
    if (await hasVenv(job.target.path)) {
      job.output.line('venv: the one that is there is used')
      await installInto(job, venv)
      return
    }
    const shared = job.cache ? await keyOf(job) : undefined
    if (shared?.key === undefined) {
      if (shared !== undefined)
        job.output.line(`venv: made anew with each deploy, because ${shared.obstacle}`)
      await makeVenv(job, venv)
      await installInto(job, venv)
      return
    }
    const reused = await shareVenv(job, shared.key, async (path) => {
      await makeVenv(job, path)
      await installInto(job, path)
    })
    if (reused) job.output.line(`venv: reused, ${REQUIREMENTS} is unchanged`)
  },
}

function installInto(job: BuildJob, venv: string): Promise<void> {
  const inside = relative(job.target.path, venv)
  const program = inside.startsWith('..') ? venv : inside
  return runStep(job, [join(program, 'bin', 'python'), '-m', 'pip', 'install', '-r', REQUIREMENTS])
}

type Sharing =
  | { readonly key: string; readonly obstacle?: undefined }
  | { readonly key?: undefined; readonly obstacle: string }

async function keyOf(job: BuildJob): Promise<Sharing> {
  const { ctx, target, env } = job
  if (await setupPy.applies(target)) return { obstacle: 'the app itself is installed into it' }
  const python = await findPython(job)
  const files = await readRequirements(join(target.path, REQUIREMENTS))
  if (files.unkeyable !== undefined)
    return { obstacle: `${REQUIREMENTS} has the line \`${files.unkeyable}\`` }
  const setting = ['PIP_CONSTRAINT', 'PIP_REQUIREMENT', 'PIP_EDITABLE'].find(
    (name) => env[name] !== undefined,
  )
  if (setting !== undefined) return { obstacle: `${setting} is set` }
  if (env['PIP_FIND_LINKS']?.split(/\s+/).some((place) => !/^(\/|https?:)/.test(place))) {
    return { obstacle: 'PIP_FIND_LINKS names a directory of the checkout' }
  }
  const version = await pythonVersion(ctx, python, env, target.path)
  return {
    key: treeKey({ tool: 'python', version, platform: await platformIdentity() }, [
      await realpath(python),
      files.texts,
      keyedEnvironment(ctx, target),
      await Promise.all(settingsFiles(job).map(async (path) => (await readIfThere(path)) ?? null)),
    ]),
  }
}

/** The file and all that it includes, in the order of their first mention. */
export async function readRequirements(
  first: string,
): Promise<{ readonly texts: readonly string[]; readonly unkeyable: string | undefined }> {
  const texts = new Map<string, string>()
  const waiting = [first]
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    if (texts.has(path)) continue
    // A missing file is pip's to complain of.
    const text = (await readIfThere(path)) ?? ''
    texts.set(path, text)
    const { includes, unkeyable } = parseRequirements(text)
    if (unkeyable !== undefined) return { texts: [], unkeyable }
    const directory = dirname(path)
    waiting.push(...includes.map((name) => resolve(directory, name)))
  }
  return { texts: [...texts.values()], unkeyable: undefined }
}

/** pip's configuration files (pip's documentation, "Configuration"). */
function settingsFiles({ env }: BuildJob): string[] {
  const home = env['HOME'] ?? '/'
  const own = env['PIP_CONFIG_FILE']
  return [
    '/etc/pip.conf',
    join(home, '.pip', 'pip.conf'),
    join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'pip', 'pip.conf'),
    ...(own === undefined ? [] : [own]),
  ]
}
