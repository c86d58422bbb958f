import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PypaasError } from '../src/errors.ts'
import { echoed, runHook } from '../src/hooks.ts'
import { isAlive } from '../src/system/processes.ts'
import { checkoutWith, recorded } from './build/support.ts'
import { testContext } from './support/context.ts'

test('commands run in order in the checkout and are shown with what they print', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', { 'a.txt': 'from the checkout\n' })
  const output = recorded()
  await runHook(ctx, ['cat a.txt', 'echo "$GIT_COMMIT" >&2'], target, output, { stage: 'before_build' })
  expect(output.lines).toEqual([
    '$ cat a.txt',
    'from the checkout',
    '$ echo "$GIT_COMMIT" >&2',
    target.commit,
  ])
})

test('a stage without commands does nothing', async () => {
  const ctx = await testContext()
  const output = recorded()
  await runHook(ctx, undefined, await checkoutWith(ctx, '1', {}), output, { stage: 'after_build' })
  expect(output.lines).toEqual([])
})

test('the first failure stops, and the error names the stage and the command', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', {})
  const output = recorded()
  const failing = runHook(ctx, ['echo migrating; exit 3', 'touch second'], target, output, {
    stage: 'maintenance',
  })
  const error = await failing.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(PypaasError)
  expect(error).toMatchObject({
    code: 'failed',
    message: 'hook maintenance: `echo migrating; exit 3` ended with status 3',
    output: ['migrating'],
  })
  await expect(readFile(join(target.path, 'second'))).rejects.toThrow('ENOENT')
})

test('values of any content arrive unchanged', async () => {
  const ctx = await testContext()
  const value = `it's "quoted" $HOME \`id\` \\n\nsecond line\n ünï 💡`
  const target = await checkoutWith(ctx, '1', {}, { ODD: value })
  await runHook(ctx, ['printf %s "$ODD" > value'], target, recorded(), { stage: 'after_build' })
  expect(await readFile(join(target.path, 'value'), 'utf8')).toBe(value)
})

test("the daemon's own variables do not reach a hook", async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', {}, { MINE: '1' })
  const output = recorded()
  await runHook(ctx, ['env | cut -d= -f1 | sort'], target, output, { stage: 'after_build' })
  const names = output.lines.slice(1).filter((name) => !['_', 'OLDPWD', 'SHLVL'].includes(name))
  expect(names).toEqual(['GIT_COMMIT', 'HOME', 'LANG', 'MINE', 'PATH', 'PWD', 'USER'])
})

test("programs of the checkout's node_modules and venv are on PATH", async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', {
    'node_modules/.bin/bundle-it': { text: '#!/bin/sh\necho bundled\n', mode: 0o755 },
    'venv/bin/migrate-it': { text: '#!/bin/sh\necho migrated\n', mode: 0o755 },
  })
  const output = recorded()
  await runHook(ctx, ['bundle-it', 'migrate-it'], target, output, { stage: 'after_build' })
  expect(output.lines).toEqual(['$ bundle-it', 'bundled', '$ migrate-it', 'migrated'])
})

test('a cancelled hook leaves no process', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', {})
  const output = recorded()
  const cancel = new AbortController()
  const running = runHook(ctx, ['sleep 1000 & echo "child $!"; wait'], target, output, {
    stage: 'maintenance',
    signal: cancel.signal,
  })
  await Promise.all([
    expect(running).rejects.toMatchObject({ code: 'cancelled' }),
    output.seen('child ').then(() => cancel.abort()),
  ])
  const pid = Number(output.lines.find((line) => line.startsWith('child '))?.split(' ')[1])
  expect(await isAlive(pid)).toBe(false)
})

test('all commands of a stage share its time', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', {})
  const slow = runHook(ctx, ['echo first', 'sleep 1000'], target, recorded(), {
    stage: 'maintenance',
    timeout: 0.2,
  })
  await expect(slow).rejects.toMatchObject({
    code: 'failed',
    message: 'hook maintenance: its commands did not end within 0.2 seconds',
  })
})

test('a command of several lines is shown as a shell shows it', () => {
  expect(echoed('set -e\nmake\n')).toEqual(['$ set -e', '> make'])
})
