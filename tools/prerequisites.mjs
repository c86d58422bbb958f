/**
 * What must be there before anything else runs. Plain JavaScript that needs
 * nothing but Node, since it is what installs the rest. What is missing and cannot be
 * installed is told, with what to type, and ends the process with status 2.
 */
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Missing } from './missing.mjs'
import { installNodeModules } from './node-modules.mjs'
import { installSystemPackages } from './system-packages.mjs'

/** @typedef {import('./requirements.mjs').Purpose} Purpose */

/** The directory of package.json. */
export const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)))

/** @type {readonly Purpose[]} what `npm start` needs of the system */
export const QUICK_START = ['start']
/** @type {readonly Purpose[]} what `npm test` needs of the system */
export const TESTS = ['start', 'test']
/** @type {readonly Purpose[]} what `npm run bench` needs of the system */
export const BENCHMARKS = ['start', 'test', 'bench']

/** The oldest Node that pypaas runs on: major, minor. As in package.json's `engines`. */
const OLDEST_NODE = [20, 19]

/**
 * Checks the version of Node, and runs `npm ci` if the npm packages are missing or out of date.
 * @param {string} [root] the directory of package-lock.json
 */
export async function ensureNodeModules(root = projectRoot) {
  orExit(() => {
    checkNodeVersion(process.versions.node)
    installNodeModules(root)
  })
}

/**
 * Installs the system's packages that are missing for these purposes.
 * @param {readonly Purpose[]} purposes
 */
export async function ensureSystemPackages(purposes) {
  orExit(() => {
    installSystemPackages(purposes)
  })
}

/**
 * @param {string} version as in `process.versions.node`
 * @throws {Missing}
 */
export function checkNodeVersion(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldMajor = 0, oldMinor = 0] = OLDEST_NODE
  if (major > oldMajor || (major === oldMajor && minor >= oldMinor)) return
  throw new Missing(
    `pypaas needs Node ${oldMajor}.${oldMinor} or newer; this is ${version} (${process.execPath}).\n` +
      'Install a current one from https://nodejs.org or with your version manager, and try again.',
  )
}

/** @param {() => void} work */
function orExit(work) {
  try {
    work()
  } catch (error) {
    if (!(error instanceof Missing)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  }
}
