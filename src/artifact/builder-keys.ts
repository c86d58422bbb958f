/** What the results of an artifact's builders depend on, one line for each. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasFile } from '../build/detect.ts'
import { findPython } from '../build/venv.ts'
import type { BuildJob } from '../build/builder.ts'
import { nodeVersion, platformIdentity, pythonVersion } from '../build/runtime.ts'
import { sha256Of } from './info.ts'
import { wheelsIn } from './wheels.ts'

/** Lock files before what they lock: the first that is there stands for all. */
const NODE_FILES = ['npm-shrinkwrap.json', 'package-lock.json', 'pnpm-lock.yaml', 'yarn.lock', 'package.json']
const SCRIPTS = ['scripts/build.sh', '.build.sh', 'bower.json']

/** @param wheels directory of the Python packages */
export async function builderKeys(job: BuildJob, wheels: string): Promise<Record<string, string>> {
  const { path } = job.target
  const keys: Record<string, string> = {}
  if (await hasFile(path, 'package.json')) keys['npm'] = await nodeKey(job)
  const names = await wheelsIn(wheels)
  if (names.length > 0 || (await hasFile(path, 'requirements.txt')))
    keys['pip'] = await pythonKey(job, wheels, names)
  for (const name of SCRIPTS) {
    if (await hasFile(path, name)) keys[name] = shortened(await sha256Of(join(path, name)))
  }
  return keys
}

async function nodeKey({ ctx, env, target }: BuildJob): Promise<string> {
  const hash = createHash('sha256')
  for (const name of NODE_FILES) {
    if (!(await hasFile(target.path, name))) continue
    hash.update(await readFile(join(target.path, name)))
    break
  }
  const version = (await nodeVersion(ctx, env, target.path)) ?? 'none'
  return `${version}-${await platformIdentity()}-${shortened(hash.digest('hex'))}`
}

/** Over the wheels themselves: a requirement that names no version may stand for another one the next day. */
async function pythonKey(job: BuildJob, wheels: string, names: readonly string[]): Promise<string> {
  const { ctx, env, target } = job
  const hash = createHash('sha256')
  if (await hasFile(target.path, 'requirements.txt')) {
    hash.update(await readFile(join(target.path, 'requirements.txt')))
  }
  for (const name of names) hash.update(`\0${name}\0${await sha256Of(join(wheels, name))}`)
  const version = await pythonVersion(ctx, await findPython(job), env, target.path)
  return `${version}-${await platformIdentity()}-${shortened(hash.digest('hex'))}`
}

function shortened(hash: string): string {
  return hash.slice(0, 32)
}
