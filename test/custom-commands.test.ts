import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { runCustomCommands } from '../src/custom-commands.ts'
import { isAlive } from '../src/system/processes.ts'
import { checkoutWith } from './build/support.ts'
import { testContext } from './support/context.ts'

async function run(commands: readonly string[], stdin?: string) {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', { 'a.txt': 'here' }, { GREETING: 'hello' })
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const input = stdin === undefined ? undefined : new PassThrough().end(stdin)
  const status = await runCustomCommands(ctx, commands, target, { stdin: input, stdout, stderr })
  stdout.end()
  stderr.end()
  return { status, stdout: await text(stdout), stderr: await text(stderr) }
}

test('both outputs are kept apart and unchanged', async () => {
  expect(await run(['printf "$GREETING "; cat a.txt; printf oops >&2'])).toEqual({
    status: 0,
    stdout: 'hello here',
    stderr: 'oops',
  })
})

test('the status is that of the command that failed, and later ones do not run', async () => {
  expect(await run(['echo one', 'exit 42', 'echo three'])).toEqual({
    status: 42,
    stdout: 'one\n',
    stderr: '',
  })
})

test('a command that a signal ended has the status that a shell would give it', async () => {
  expect((await run(['kill -KILL $$'])).status).toBe(137)
})

test('a command can read what is sent to it', async () => {
  expect((await run(['tr a-z A-Z'], 'loud')).stdout).toBe('LOUD')
})

test('a command without input sees its end at once', async () => {
  expect((await run(['cat; echo done'])).stdout).toBe('done\n')
})

test('a cancelled command leaves no process', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', {})
  const stdout = new PassThrough()
  const cancel = new AbortController()
  const running = runCustomCommands(ctx, ['sleep 1000 & echo $!; wait'], target, {
    stdout,
    stderr: new PassThrough(),
    signal: cancel.signal,
  })
  const pid = await new Promise<number>((resolve) => {
    stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())))
  })
  cancel.abort()
  await expect(running).rejects.toMatchObject({ code: 'cancelled' })
  await expect.poll(() => isAlive(pid)).toBe(false)
})

test('a cancelled command may end in order, whatever it still prints', async () => {
  const ctx = await testContext()
  const target = await checkoutWith(ctx, '1', {})
  const stdout = new PassThrough()
  const cancel = new AbortController()
  const last = 'head -c 200000 /dev/zero; head -c 200000 /dev/zero >&2; echo in order >last'
  const command = `trap '${last}; exit' TERM; echo ready; while :; do sleep 0.02; done`
  const streams = { stdout, stderr: new PassThrough(), signal: cancel.signal }
  const running = runCustomCommands(ctx, [command], target, streams)
  await new Promise((resolve) => stdout.once('data', resolve))
  cancel.abort()
  await expect(running).rejects.toMatchObject({ code: 'cancelled' })
  expect(await readFile(join(target.path, 'last'), 'utf8')).toBe('in order\n')
})
