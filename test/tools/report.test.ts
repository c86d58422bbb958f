import { spawnSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { countsOf, lastCounts, summaryLine } from '../../tools/report.mjs'
import { projectRoot } from '../../tools/prerequisites.mjs'
import { temporaryDirectory } from '../support/context.ts'

describe('the last line of the CI', () => {
  it('counts what passed and failed', () => {
    expect(summaryLine({ passed: 12, failed: 0, skipped: 0 })).toBe('12 passed, 0 failed')
  })

  it('counts skipped tests only if there are any', () => {
    expect(summaryLine({ passed: 12, failed: 3, skipped: 1 })).toBe('12 passed, 3 failed, 1 skipped')
  })

  it('counts nothing when no report was written, or half of one', async () => {
    const file = join(await temporaryDirectory(), 'report.json')
    expect(lastCounts(file)).toEqual({ passed: 0, failed: 0, skipped: 0 })
    await writeFile(file, '{"numPassedTests": 3')
    expect(lastCounts(file)).toEqual({ passed: 0, failed: 0, skipped: 0 })
  })

  it("agrees with vitest's own report, and counts a file that cannot be loaded as failed", async () => {
    const root = await temporaryDirectory()
    const tests = {
      'good.test.mjs': `it('a', () => {}); it('b', () => {}); it.skip('c', () => {}); it.todo('d')`,
      'bad.test.mjs': `it('e', () => { throw new Error('no') })`,
      'unloadable.test.mjs': `import './not-there.mjs'\nit('f', () => {})`,
    }
    await mkdir(join(root, 'tests'))
    for (const [name, text] of Object.entries(tests)) await writeFile(join(root, 'tests', name), text)
    const file = join(root, 'report.json')
    const vitest = join(projectRoot, 'node_modules', 'vitest', 'vitest.mjs')
    const options = ['--globals', '--reporter=json', `--outputFile.json=${file}`]
    const run = spawnSync(process.execPath, [vitest, 'run', '--root', root, ...options], { encoding: 'utf8' })
    expect(run.status).toBe(1)
    expect(countsOf(JSON.parse(await readFile(file, 'utf8')))).toEqual({ passed: 2, failed: 2, skipped: 2 })
    expect(lastCounts(file)).toEqual({ passed: 2, failed: 2, skipped: 2 })
  })
})
