/** Node's packages: npm, and pnpm and yarn where their lock files ask for them; then the script `build`. */
import { readFile, realpath, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { messageOf, PypaasError } from '../errors.ts'
import { readIfThere } from '../system/files.ts'
import { runStep, type BuildJob, type Builder } from './builder.ts'
import { hasFile } from './detect.ts'
import { keyedEnvironment, treeKey } from './key.ts'
import {
  installFields,
  installPlan,
  MARKERS,
  whyNotReusable,
  type InstallPlan,
  type PackageFacts,
  type PackageJson,
} from './package-manager.ts'
import { keepTree, placeTree } from './reuse.ts'
import { findProgram, nodeVersion, platformIdentity, toolIdentity } from './runtime.ts'

export const npm: Builder = {
  name: 'npm',
  applies: (target) => hasFile(target.path, 'package.json'),
  async build(job) {
    const facts = await factsOf(job)
    const plan = installPlan(facts)
    if (plan.note !== undefined) job.output.line(plan.note)
    if (plan.install !== undefined) await install(job, facts, plan, plan.install)
    if (plan.build !== undefined) await runTool(job, plan.build)
    if (plan.prune !== undefined) await runTool(job, plan.prune)
  },
}

async function install(
  job: BuildJob,
  facts: PackageFacts,
  plan: InstallPlan,
  command: readonly string[],
): Promise<void> {
  const lock = plan.lockFile === undefined ? '' : await readFile(join(job.target.path, plan.lockFile), 'utf8')
  const obstacle = whyNotReusable(facts, plan, lock)
  const key = job.cache && obstacle === undefined ? await keyOf(job, facts, plan, command, lock) : undefined
  if (key === undefined) {
    if (job.cache && obstacle !== undefined) {
      job.output.line(`node_modules: installed anew with each deploy, because ${obstacle}`)
    }
    await runTool(job, command)
    return
  }
  const modules = join(job.target.path, 'node_modules')
  const placed = await placeTree(job, key, modules)
  if (placed !== undefined) {
    job.output.line(`node_modules: reused, ${plan.lockFile} is unchanged`)
    if (placed === 'linked') job.shared.nodeModules = key
    return
  }
  await runTool(job, command)
  if (!(await isDirectory(modules))) return
  await keepTree(job, key, modules)
  job.shared.nodeModules = key
}

/** Undefined if the tool or its node is not there: the install will say so. */
async function keyOf(
  job: BuildJob,
  facts: PackageFacts,
  plan: InstallPlan,
  command: readonly string[],
  lock: string,
): Promise<string | undefined> {
  const { ctx, target, env } = job
  const tool = findProgram(plan.tool, env)
  const version = await nodeVersion(ctx, env, target.path)
  if (tool === undefined || version === undefined) return undefined
  return treeKey({ tool: plan.tool, version, platform: await platformIdentity() }, [
    await toolIdentity(tool),
    command,
    lock,
    installFields(facts.manifest),
    keyedEnvironment(ctx, target),
    await Promise.all(
      (await settingsFiles(job, tool)).map(async (path) => (await readIfThere(path)) ?? null),
    ),
  ])
}

/** Files that may change what an install does: the checkout's, the user's and the host's (npmrc(5)). */
async function settingsFiles({ env, target }: BuildJob, tool: string): Promise<string[]> {
  const setting = (name: string): string | undefined =>
    env[Object.keys(env).find((key) => key.toLowerCase() === `npm_config_${name}`) ?? '']
  const home = env['HOME'] ?? '/'
  return [
    join(target.path, '.npmrc'),
    join(target.path, '.yarnrc'),
    setting('userconfig') ?? join(home, '.npmrc'),
    join(home, '.yarnrc'),
    setting('globalconfig') ?? join(dirname(tool), '..', 'etc', 'npmrc'),
    join(dirname(await realpath(tool)), '..', 'npmrc'),
  ]
}

async function factsOf({ target, env }: BuildJob): Promise<PackageFacts> {
  const present = await Promise.all(MARKERS.map((name) => hasFile(target.path, name)))
  const files = new Set<string>(MARKERS.filter((_, index) => present[index]))
  const on = (lockFile: string, tool: string): boolean =>
    files.has(lockFile) && findProgram(tool, env) !== undefined
  return {
    manifest: await readManifest(join(target.path, 'package.json')),
    files,
    installed: { pnpm: on('pnpm-lock.yaml', 'pnpm'), yarn: on('yarn.lock', 'yarn') },
    production: env['NODE_ENV'] === 'production',
  }
}

async function readManifest(path: string): Promise<PackageJson> {
  let manifest: unknown
  try {
    manifest = JSON.parse((await readFile(path, 'utf8')).replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw new PypaasError('failed', `package.json cannot be read: ${messageOf(cause)}`, {
      cause,
      hint: 'correct package.json in the repo and push again',
    })
  }
  if (typeof manifest !== 'object' || manifest === null || Array.isArray(manifest)) {
    throw new PypaasError('failed', 'package.json does not hold an object', {
      hint: 'correct package.json in the repo and push again',
    })
  }
  return manifest as PackageJson
}

async function runTool(job: BuildJob, command: readonly string[]): Promise<void> {
  const [tool = ''] = command
  if (findProgram(tool, job.env) === undefined) {
    throw new PypaasError('failed', `${tool} is not installed: it is in no directory of PATH`, {
      hint: `install Node.js with ${tool} on this host, or set PATH in the branch's env`,
    })
  }
  await runStep(job, command)
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}
