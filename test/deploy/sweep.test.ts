import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { sweep } from '../../src/deploy/sweep.ts'
import { isRunning } from '../../src/system/process-table.ts'
import { temporaryBeside } from '../../src/system/files.ts'
import { testContext } from '../support/context.ts'

const REF = { repo: 'web', branch: 'main' }

/** The temporary name of a process that has gone. */
async function orphan(path: string): Promise<string> {
  const child = spawn('true')
  await once(child, 'exit')
  return temporaryBeside(path).replace(`.${process.pid}.`, `.${child.pid}.`)
}

test('what a process that has gone was writing is removed; what a living one writes is not', async () => {
  const ctx = await testContext()
  const { home, ports } = ctx.paths
  await writeFile(await orphan(ports), '')
  await writeFile(temporaryBeside(ports), '')
  await writeFile(join(home, '.profile'), '')
  await mkdir(ctx.paths.releases(REF), { recursive: true })
  await mkdir(await orphan(join(ctx.paths.releases(REF), 'r1.json')))
  await sweep(ctx, REF)
  expect((await readdir(home)).filter((name) => name.startsWith('.'))).toEqual([
    expect.stringMatching(`^\\.ports\\.yml\\.${process.pid}\\.`),
    '.profile',
  ])
  expect(await readdir(ctx.paths.releases(REF))).toEqual([])
})

test('what works in a service that was being delisted is ended', async () => {
  const ctx = await testContext()
  const aside = await orphan(ctx.paths.hostService({ ...REF, release: 'r1' }))
  await mkdir(aside, { recursive: true })
  const left = spawn('sleep', ['1000'], { cwd: aside })
  onTestFinished(() => void left.kill('SIGKILL'))
  await once(left, 'spawn')
  await sweep(ctx, REF)
  expect(isRunning(left.pid ?? 0)).toBe(false)
  await expect(access(aside)).rejects.toThrow('ENOENT')
})

test("locks of releases that have ended go, those of others' work stay", async () => {
  const ctx = await testContext()
  const { paths } = ctx
  const ended = { ...REF, release: 'r1' }
  const noted = { ...REF, release: 'r2' }
  const draining = { ...REF, release: 'r3' }
  await mkdir(paths.unfinished, { recursive: true })
  await mkdir(paths.servicesRealOf(REF), { recursive: true })
  for (const ref of [ended, noted]) await writeFile(paths.settleLock(ref), '')
  await writeFile(paths.unfinishedFile(noted), JSON.stringify(noted))
  await writeFile(`${paths.releaseLock(ended)}.retire`, '')
  await writeFile(paths.releaseLock(draining), '')
  await writeFile(`${paths.releaseLock(draining)}.retire`, '')
  await sweep(ctx, REF)
  expect((await readdir(paths.unfinished)).toSorted()).toEqual(['.web+main+r2.lock', 'web+main+r2'])
  expect((await readdir(paths.servicesRealOf(REF))).toSorted()).toEqual(['r3.lock', 'r3.lock.retire'])
})
