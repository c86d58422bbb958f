/** Finds out which of the required programs are missing, and installs them where that can be done unasked. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readdirSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { aptCommand, aptScript } from './apt.mjs'
import { Missing } from './missing.mjs'
import { requirements } from './requirements.mjs'

/**
 * @typedef {import('./requirements.mjs').Purpose} Purpose
 * @typedef {import('./requirements.mjs').Requirement} Requirement
 */

/** nginx and sshd live where an ordinary user's PATH does not lead. */
const SYSTEM_PATH = ['/usr/local/sbin', '/usr/sbin', '/sbin']
/** Package lists older than this often name versions that the mirror no longer has. In milliseconds. */
const LISTS_MAX_AGE = 7 * 24 * 3600 * 1000

/**
 * Installs what is missing for these purposes.
 * @param {readonly Purpose[]} purposes
 * @param {readonly string[]} [path] directories of programs
 * @throws {Missing} with the command to type
 */
export function installSystemPackages(purposes, path = searchPath(process.env.PATH)) {
  const wanted = requirements.filter((one) => purposes.includes(one.purpose))
  const missing = wanted.filter((one) => !isThere(one, path))
  if (missing.length === 0) return
  const apt = findProgram('apt-get', path)
  const asRoot = apt === undefined ? undefined : rootPrefix(path)
  if (asRoot === undefined) {
    if (missing.every((one) => one.optional)) return
    throw new Missing(instructions(missing, apt === undefined ? process.platform : 'debian'))
  }
  process.stderr.write(`Installing ${missing.map((one) => one.name).join(', ')} (apt-get) …\n`)
  const script = aptScript({
    required: packagesOf(missing.filter((one) => !one.optional)),
    optional: packagesOf(missing.filter((one) => one.optional)),
    units: missing.flatMap((one) => one.units ?? []),
    updateFirst: listsAreOld('/var/lib/apt/lists'),
  })
  const [program, ...args] = [...asRoot, 'sh', '-c', script]
  spawnSync(program, args, {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, PATH: path.join(delimiter) },
  })
  const still = missing.filter((one) => !one.optional && !isThere(one, path))
  if (still.length > 0) throw new Missing(instructions(still, 'debian'))
}

/**
 * What to type, for a person. Pure.
 * @param {readonly Requirement[]} missing
 * @param {string} system `debian`, or Node's name of the platform
 */
export function instructions(missing, system) {
  const names = missing.map((one) => one.name).join(', ')
  const debian = packagesOf(missing).join(' ')
  if (system === 'debian')
    return `Missing here: ${names}. Install with:\n  ${aptCommand(packagesOf(missing))}`
  if (system === 'darwin') {
    const formulas = [...new Set(missing.flatMap((one) => one.brew))]
    if (formulas.length > 0)
      return `Missing here: ${names}. Install with:\n  brew install ${formulas.join(' ')}`
  }
  return `Missing here: ${names}. Install them with your system's package manager (Debian calls them: ${debian}).`
}

/** @param {readonly Requirement[]} missing */
function packagesOf(missing) {
  return [...new Set(missing.flatMap((one) => one.debian))]
}

/**
 * @param {Requirement} requirement
 * @param {readonly string[]} path
 * @returns {boolean}
 */
export function isThere({ programs = [], directory, file, check }, path) {
  if (!programs.every((program) => findProgram(program, path) !== undefined)) return false
  if (directory !== undefined && file !== undefined) {
    // Modules are Debian's own; elsewhere the program comes with them or does without.
    if (process.platform === 'darwin') return true
    if (!namesIn(directory).some((name) => file.test(name))) return false
  }
  if (check === undefined) return true
  const [program = '', ...args] = check
  const found = findProgram(program, path)
  return found !== undefined && spawnSync(found, args, { stdio: 'ignore' }).status === 0
}

/**
 * @param {string | undefined} path as in the environment
 * @returns {string[]}
 */
export function searchPath(path) {
  return [...new Set([...(path ?? '').split(delimiter).filter(Boolean), ...SYSTEM_PATH])]
}

/**
 * @param {string} name
 * @param {readonly string[]} path
 * @returns {string | undefined}
 */
function findProgram(name, path) {
  return path.map((directory) => join(directory, name)).find(isExecutable)
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

/** @param {string} directory */
function namesIn(directory) {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/**
 * What to put before a command so that it runs as root; undefined if that would need a password.
 * @param {readonly string[]} path
 * @returns {string[] | undefined}
 */
function rootPrefix(path) {
  if (process.getuid?.() === 0) return []
  const sudo = findProgram('sudo', path)
  if (sudo === undefined || spawnSync(sudo, ['-n', 'true'], { stdio: 'ignore' }).status !== 0)
    return undefined
  return [sudo, '-n']
}

/**
 * Whether apt-get has no package lists, or has not fetched any for a week.
 * @param {string} directory
 * @param {number} [now] milliseconds
 */
export function listsAreOld(directory, now = Date.now()) {
  if (!namesIn(directory).some((name) => name.includes('_Packages'))) return true
  // apt-get rewrites nothing that did not change, but always touches the directory of partial downloads.
  const touched = [directory, join(directory, 'partial')].map((path) => {
    try {
      return statSync(path).mtimeMs
    } catch {
      return 0
    }
  })
  return now - Math.max(...touched) > LISTS_MAX_AGE
}
