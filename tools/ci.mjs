/** What `.ci/run` calls: `npm test`, and its counts as the last line. */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { projectRoot } from './prerequisites.mjs'
import { lastCounts, reportFile, summaryLine } from './report.mjs'

rmSync(reportFile, { force: true })
const test = spawnSync('npm', ['test'], {
  cwd: projectRoot,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, CI: 'true' },
})
const counts = lastCounts()
const good = test.status === 0 && counts.failed === 0 && counts.passed > 0
process.stdout.write(`${summaryLine(counts)}\n`)
process.exitCode = good ? 0 : 1
