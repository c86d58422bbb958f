/** vitest's JSON report: where it is, and what it says in one line. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from './prerequisites.mjs'

/** Written by `npm test`, read by the CI. */
export const reportFile = join(projectRoot, 'node_modules', '.cache', 'pypaas', 'test-report.json')

/**
 * @typedef {object} Report
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} [numPendingTests]
 * @property {number} [numTodoTests]
 * @property {{status: string, assertionResults: unknown[]}[]} [testResults]
 *
 * @typedef {{passed: number, failed: number, skipped: number}} Counts
 */

/**
 * Pure. A test file that could not even be loaded has no tests to count, and counts as one that failed.
 * @param {Report} report
 * @returns {Counts}
 */
export function countsOf(report) {
  const unloaded = (report.testResults ?? []).filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  )
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloaded.length,
    skipped: (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0),
  }
}

/**
 * `12 passed, 0 failed`, and `, 1 skipped` behind it if any were. Pure.
 * @param {Counts} counts
 */
export function summaryLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

/**
 * The counts of the last run; all 0 if it did not come so far as to write its report.
 * @param {string} [file]
 * @returns {Counts}
 */
export function lastCounts(file = reportFile) {
  try {
    return countsOf(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  }
}
