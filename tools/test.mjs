/**
 * `npm test`: what is needed, the build, format, lint, types, and all tests.
 * Arguments go to vitest: `npm test -- test/git`. Each check runs even if one
 * before it failed, so that one run tells everything.
 */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { ensureNodeModules, ensureSystemPackages, projectRoot, TESTS } from './prerequisites.mjs'
import { reportFile } from './report.mjs'
import { searchPath } from './system-packages.mjs'

/** @type {readonly (readonly [string, ...string[]])[]} */
const checks = [
  ['prettier', '--check', '.'],
  ['oxlint', '--type-aware', '--deny-warnings', 'src', 'test', 'bench', 'tools'],
  ['tsc', '--noEmit'],
]

// A report of an earlier run must not pass for this one's.
rmSync(reportFile, { force: true })
await ensureNodeModules()
await ensureSystemPackages(TESTS)
process.exitCode = check()

/** @returns {number} the exit status */
function check() {
  if (!run([process.execPath, join('tools', 'build.mjs')])) return 1
  const failed = checks.filter((one) => !run(one)).map((one) => one.join(' '))
  const vitest = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`]
  if (!run(['vitest', ...vitest, ...process.argv.slice(2)])) failed.push('vitest')
  for (const one of failed) process.stderr.write(`failed: ${one}\n`)
  return failed.length === 0 ? 0 : 1
}

/**
 * @param {readonly [string, ...string[]]} command
 * @returns {boolean} whether it succeeded
 */
function run([program, ...args]) {
  const path = [join(projectRoot, 'node_modules', '.bin'), ...searchPath(process.env.PATH)]
  const { status, error } = spawnSync(program, args, {
    cwd: projectRoot,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH: path.join(delimiter) },
  })
  if (error !== undefined) process.stderr.write(`${program}: ${error.message}\n`)
  return status === 0
}
