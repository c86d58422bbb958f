/** Which package manager a checkout asks for, and its commands. Pure. */

/** What of package.json matters here; anything may be in the file. */
export interface PackageJson {
  readonly scripts?: Readonly<Record<string, unknown>>
  readonly workspaces?: unknown
  readonly packageManager?: unknown
  readonly [field: string]: unknown
}

export interface PackageFacts {
  readonly manifest: PackageJson
  /** Names of the files in the checkout's root that are there, of {@link MARKERS}. */
  readonly files: ReadonlySet<string>
  /** Whether a tool is on PATH. */
  readonly installed: { readonly pnpm: boolean; readonly yarn: boolean }
  /** NODE_ENV is `production`. */
  readonly production: boolean
}

export interface InstallPlan {
  readonly tool: 'npm' | 'pnpm' | 'yarn'
  /** The lock file that says what is installed; undefined: nothing pins it. */
  readonly lockFile: string | undefined
  /** Undefined: there is nothing to install. */
  readonly install: readonly string[] | undefined
  readonly build: readonly string[] | undefined
  /** Removes what only the build needed. */
  readonly prune: readonly string[] | undefined
  /** Something that the person who pushes should know. */
  readonly note: string | undefined
}

/** Files beside package.json that decide how it is installed. */
export const MARKERS = [
  'npm-shrinkwrap.json',
  'package-lock.json',
  'pnpm-lock.yaml',
  'yarn.lock',
  '.yarnrc.yml',
  '.pnp.cjs',
  'binding.gyp',
] as const

const DEPENDENCIES = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'] as const
/** Scripts of the root package that an install runs (npm's documentation, "Life Cycle Operation Order"). */
const INSTALL_SCRIPTS = [
  'preinstall',
  'install',
  'postinstall',
  'prepublish',
  'preprepare',
  'prepare',
  'postprepare',
  'dependencies',
]

/** Fields of package.json that describe the app. Scripts that an install runs are looked at by themselves. */
const IRRELEVANT = [
  'version',
  'description',
  'keywords',
  'homepage',
  'bugs',
  'license',
  'author',
  'contributors',
  'funding',
  'files',
  'exports',
  'imports',
  'main',
  'module',
  'type',
  'types',
  'repository',
  'scripts',
]

export function installPlan(facts: PackageFacts): InstallPlan {
  const { manifest, production } = facts
  const { tool, lockFile, note } = choose(facts)
  const hasBuild = typeof manifest.scripts?.['build'] === 'string'
  // For the build, dev dependencies are installed whatever NODE_ENV says.
  const all = hasBuild
  const prunable = hasBuild && production && names(manifest, 'devDependencies').length > 0
  const build = hasBuild ? [tool, 'run', 'build'] : undefined
  const plan = { tool, lockFile, note, build }
  if (!hasWork(facts, tool)) return { ...plan, install: undefined, prune: undefined }
  switch (tool) {
    case 'npm':
      return {
        ...plan,
        install: ['npm', lockFile === undefined ? 'install' : 'ci', ...(all ? ['--include=dev'] : [])],
        prune: prunable ? ['npm', 'prune', '--omit=dev'] : undefined,
      }
    case 'pnpm':
      return {
        ...plan,
        install: ['pnpm', 'install', '--frozen-lockfile', ...(all ? ['--prod=false'] : [])],
        prune: prunable ? ['pnpm', 'prune', '--prod'] : undefined,
      }
    case 'yarn':
      return { ...plan, ...yarn(isBerry(facts), all, prunable) }
    default:
      return tool satisfies never
  }
}

/** Why the result of an install cannot be reused by another checkout, or undefined if it can. */
export function whyNotReusable(facts: PackageFacts, plan: InstallPlan, lockText: string): string | undefined {
  const { manifest } = facts
  if (plan.lockFile === undefined) return 'there is no lock file'
  // What pnpm puts into node_modules names the directory that it was put into.
  if (plan.tool === 'pnpm') return 'pnpm links from a store of its own'
  const script = INSTALL_SCRIPTS.find((name) => manifest.scripts?.[name] !== undefined)
  if (script !== undefined) return `package.json has a script \`${script}\``
  if (facts.files.has('binding.gyp')) return 'binding.gyp is compiled by the install'
  if (manifest.workspaces !== undefined) return 'package.json has workspaces'
  if (plan.tool === 'yarn' && isBerry(facts)) return 'this version of yarn keeps its own cache'
  const local = DEPENDENCIES.flatMap((field) => names(manifest, field)).find(([, spec]) => isLocal(spec))
  if (local !== undefined) return `${local[0]} is installed from the checkout`
  if (lockNamesLocal(lockText)) return `${plan.lockFile} names a package of the checkout`
  return undefined
}

/**
 * package.json without what no install looks at. The rest stays, known or not: packages read settings of
 * theirs from it while they are installed.
 */
export function installFields(manifest: PackageJson): Record<string, unknown> {
  return Object.fromEntries(Object.entries(manifest).filter(([field]) => !IRRELEVANT.includes(field)))
}

function choose({ files, installed }: PackageFacts): Pick<InstallPlan, 'tool' | 'lockFile' | 'note'> {
  for (const lockFile of ['npm-shrinkwrap.json', 'package-lock.json']) {
    if (files.has(lockFile)) return { tool: 'npm', lockFile, note: undefined }
  }
  const missing: string[] = []
  for (const [lockFile, tool] of [
    ['pnpm-lock.yaml', 'pnpm'],
    ['yarn.lock', 'yarn'],
  ] as const) {
    if (!files.has(lockFile)) continue
    if (installed[tool]) return { tool, lockFile, note: undefined }
    missing.push(`${lockFile} is not used, because ${tool} is not installed here; npm installs instead`)
  }
  return { tool: 'npm', lockFile: undefined, note: missing.length === 0 ? undefined : missing.join('. ') }
}

function hasWork({ manifest, files }: PackageFacts, tool: InstallPlan['tool']): boolean {
  return (
    // The others' workspaces and plugins are told in files of their own.
    tool !== 'npm' ||
    DEPENDENCIES.some((field) => names(manifest, field).length > 0) ||
    INSTALL_SCRIPTS.some((name) => manifest.scripts?.[name] !== undefined) ||
    manifest.workspaces !== undefined ||
    files.has('binding.gyp')
  )
}

function isBerry({ files, manifest }: PackageFacts): boolean {
  const wanted = typeof manifest.packageManager === 'string' ? manifest.packageManager : ''
  return files.has('.yarnrc.yml') || files.has('.pnp.cjs') || /^yarn@([2-9]|\d\d)/.test(wanted)
}

function yarn(berry: boolean, all: boolean, prunable: boolean): Pick<InstallPlan, 'install' | 'prune'> {
  if (berry) {
    return {
      install: ['yarn', 'install', '--immutable'],
      prune: prunable ? ['yarn', 'workspaces', 'focus', '--all', '--production'] : undefined,
    }
  }
  const install = ['yarn', 'install', '--frozen-lockfile', '--non-interactive']
  return {
    install: all ? [...install, '--production=false'] : install,
    prune: prunable ? [...install, '--production=true', '--ignore-scripts', '--prefer-offline'] : undefined,
  }
}

/** The entries of a field that names packages; no entries if it is something else. */
function names(manifest: PackageJson, field: string): [string, unknown][] {
  const value = manifest[field]
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}

/** Whether a dependency is a directory or file of the checkout (npm's documentation, "package-spec"). */
function isLocal(spec: unknown): boolean {
  return typeof spec === 'string' && /^(file:|link:|\.{0,2}\/|~\/)/.test(spec)
}

/** By the text: a lock file may have a million characters, and what is looked for stands out. */
function lockNamesLocal(text: string): boolean {
  if (text.trimStart().startsWith('{')) {
    return /"link":\s*true|"(?:resolved|version)":\s*"(?:file|link):/.test(text)
  }
  return /(?:^|[\s"@])(?:file|link):/m.test(text)
}
