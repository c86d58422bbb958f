/** The npm packages that package-lock.json names: whether they are there, and how they come. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Missing } from './missing.mjs'

/**
 * @typedef {{version?: string, integrity?: string, optional?: boolean, os?: string[], cpu?: string[], libc?: string[]}} LockEntry
 * @typedef {{packages?: Record<string, LockEntry>}} Lock
 * @typedef {{platform: string, arch: string}} Host
 */

/**
 * Whether what npm has installed (`node_modules/.package-lock.json`, written at
 * the end of every install by npm 7 and later) is what package-lock.json asks for.
 * Pure.
 * @param {Lock} wanted
 * @param {Lock | undefined} installed
 * @param {Host} host
 * @returns {boolean}
 */
export function isUpToDate(wanted, installed, host) {
  if (installed === undefined) return false
  return Object.entries(wanted.packages ?? {}).every(([path, entry]) => {
    if (path === '') return true
    const found = installed.packages?.[path]
    if (found === undefined) return mayBeAbsent(entry, host)
    return found.version === entry.version && found.integrity === entry.integrity
  })
}

/**
 * npm leaves out optional packages for other platforms, and what only these need.
 * One that names this very platform is needed: it is absent when node_modules was copied from another machine.
 * @param {LockEntry} entry
 * @param {Host} host
 */
function mayBeAbsent(entry, host) {
  if (entry.optional !== true) return false
  if (entry.os === undefined || entry.cpu === undefined || entry.libc !== undefined) return true
  return !(entry.os.includes(host.platform) && entry.cpu.includes(host.arch))
}

/**
 * Runs `npm ci` below `root` if the packages are missing or out of date.
 * @param {string} root the directory of package-lock.json
 * @returns {boolean} whether anything had to be installed
 * @throws {Missing} when npm fails
 */
export function installNodeModules(root) {
  const wanted = readJson(join(root, 'package-lock.json'))
  if (wanted === undefined) throw new Missing(`${join(root, 'package-lock.json')} is not there or no JSON`)
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'))
  if (isUpToDate(wanted, installed, process)) return false
  process.stderr.write('Installing the npm packages (npm ci) …\n')
  // Builds and tests need the development packages also where NODE_ENV=production is set.
  const npm = spawnSync('npm', ['ci', '--include=dev', '--include=optional'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (npm.status !== 0) {
    throw new Missing(`The npm packages could not be installed.\nIn ${root}, see what \`npm ci\` says.`)
  }
  return true
}

/**
 * @param {string} path
 * @returns {Lock | undefined} undefined as well for a file that was cut short
 */
function readJson(path) {
  if (!existsSync(path)) return undefined
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
