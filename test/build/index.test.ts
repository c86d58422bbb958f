import { expect, test } from 'vitest'
import { buildCheckout } from '../../src/build/index.ts'
import { isAlive } from '../../src/system/processes.ts'
import { testContext } from '../support/context.ts'
import { checkoutWith, recorded, script } from './support.ts'

const options = { timeout: 60, cache: true }

test('all builders that apply run, in order', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', {
    'package.json': '{"scripts":{"build":"echo npm builds"}}',
    'bower.json': '{}',
    'requirements.txt': '',
    'setup.py': '',
    '.build.sh': script('echo the script builds\n'),
    // Already there, as after a hook; what they are asked for is all that counts here.
    'node_modules/.bin/bower': script('#!/bin/sh\necho bower installs\n'),
    'venv/bin/python': script('#!/bin/sh\necho "python $*"\n'),
  })
  const output = recorded()
  await buildCheckout(ctx, target, undefined, output, options)
  const expected = [
    'npm builds',
    'bower installs',
    'python -m pip install -r requirements.txt',
    'python -m pip install -e .',
    'the script builds',
  ]
  expect(output.lines.filter((line) => expected.includes(line))).toEqual(expected)
})

test('a build hook replaces all builders', async () => {
  const ctx = await testContext()
  const files = { '.build.sh': script('#!/bin/sh\nexit 1\n'), 'package.json': '{' }
  const output = recorded()
  await buildCheckout(ctx, await checkoutWith(ctx, '1', files), ['echo hook builds'], output, options)
  expect(output.lines).toEqual(['$ echo hook builds', 'hook builds'])
})

test('a .build.sh that may not be executed is not run', async () => {
  const ctx = await testContext()
  const output = recorded()
  await buildCheckout(
    ctx,
    await checkoutWith(ctx, '1', { '.build.sh': 'exit 1\n' }),
    undefined,
    output,
    options,
  )
  expect(output.lines).toEqual([])
})

test('a failing build tells its builder, its command and its last lines', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', {
    '.build.sh': script('#!/bin/sh\nseq 100\necho it broke >&2\nexit 7\n'),
  })
  const error = await buildCheckout(ctx, target, undefined, recorded(), options).catch(
    (thrown: unknown) => thrown,
  )
  expect(error).toMatchObject({ code: 'failed', message: '.build.sh: `./.build.sh` ended with status 7' })
  const { output } = error as { output: string[] }
  expect(output.slice(-2)).toEqual(['100', 'it broke'])
})

test('a failing builder stops those after it', async () => {
  const ctx = await testContext()
  const output = recorded()
  const target = await checkoutWith(ctx, '1', {
    'package.json': '{"scripts":{"build":"exit 1"}}',
    '.build.sh': script('echo not reached\n'),
  })
  await expect(buildCheckout(ctx, target, undefined, output, options)).rejects.toMatchObject({
    code: 'failed',
  })
  expect(output.lines).not.toContain('not reached')
})

test('a cancelled build leaves no process', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', {
    '.build.sh': script('#!/bin/sh\nsleep 1000 &\necho "child $!"\nwait\n'),
  })
  const output = recorded()
  const cancel = new AbortController()
  const building = buildCheckout(ctx, target, undefined, output, { ...options, signal: cancel.signal })
  await Promise.all([
    expect(building).rejects.toMatchObject({ code: 'cancelled' }),
    output.seen('child ').then(() => cancel.abort()),
  ])
  const pid = Number(output.lines.find((line) => line.startsWith('child '))?.split(' ')[1])
  expect(await isAlive(pid)).toBe(false)
})

test('a build that takes too long is ended, with its last lines and what to do', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', {
    '.build.sh': script('#!/bin/sh\necho compiling\nexec sleep 1000\n'),
  })
  const late = buildCheckout(ctx, target, undefined, recorded(), { timeout: 0.5, cache: true })
  await expect(late).rejects.toMatchObject({
    code: 'failed',
    message: 'the build did not end within 0.5 seconds',
    hint: 'make it faster, or raise `builds: {timeout: …}` in pypaas.yml',
    output: expect.arrayContaining(['compiling']),
  })
})

test('bower.json without bower names what is missing', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', { 'bower.json': '{}' }, { PATH: '/nonexistent' })
  await expect(buildCheckout(ctx, target, undefined, recorded(), options)).rejects.toMatchObject({
    message: 'bower: bower.json is there, but bower is not installed',
  })
})

test("values of the branch's env reach a build unchanged, and its settings of tools win", async () => {
  const ctx = await testContext()
  const value = `a'b"c $HOME\n\`id\` ü`
  const target = await checkoutWith(
    ctx,
    '1',
    { '.build.sh': script('printf "%s|%s|%s\\n" "$ODD" "$PIP_CACHE_DIR" "$GIT_COMMIT"\n') },
    { ODD: value, PIP_CACHE_DIR: '/var/cache/pip' },
  )
  const output = recorded()
  await buildCheckout(ctx, target, undefined, output, options)
  expect(output.lines.slice(1).join('\n')).toBe(`${value}|/var/cache/pip|${target.commit}`)
})
