import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { lastLines } from '../../src/system/output.ts'
import { isAlive } from '../../src/system/processes.ts'
import { capture, stream } from '../../src/system/run.ts'

const env = { PATH: '/usr/bin:/bin' }

test('lines of both outputs are passed on, and nothing of our environment is handed down', async () => {
  const output = lastLines(10)
  await stream(['sh', '-c', 'echo out; echo err >&2; env | grep -c VITEST'], output, { env }).catch(() => {})
  expect(output.lines.toSorted()).toEqual(['0', 'err', 'out'])
})

test('a failure tells the status and the last lines', async () => {
  const failing = stream(['sh', '-c', 'seq 100; exit 3'], lastLines(0), { env })
  await expect(failing).rejects.toMatchObject({
    code: 'failed',
    message: '`seq 100; exit 3` ended with status 3',
  })
  await expect(failing).rejects.toHaveProperty('output.0', '81')
})

test('a program that the kernel ends for want of memory, or that says so, is told apart', async () => {
  const killed = ['kill -9 $$', "sh -c 'kill -9 $$'; exit $?", 'echo "node: Cannot allocate memory"; exit 1']
  for (const command of killed) {
    await expect(stream(['sh', '-c', command], lastLines(0), { env }), command).rejects.toMatchObject({
      hint: expect.stringContaining('out of memory') as string,
    })
  }
  await expect(stream(['sh', '-c', 'exit 1'], lastLines(0), { env })).rejects.toMatchObject({
    hint: undefined,
  })
})

test('a program that a full disk ends is told apart', async () => {
  const command = 'echo "cp: cannot create regular file: No space left on device" >&2; exit 1'
  await expect(stream(['sh', '-c', command], lastLines(0), { env })).rejects.toMatchObject({
    hint: expect.stringContaining('the disk is full: make room') as string,
  })
})

test('a program that is not there is named', async () => {
  await expect(capture(['no-such-program'], { env })).rejects.toMatchObject({
    message: 'cannot run `no-such-program`: the program or its directory is not there',
  })
})

test('what a program leaves in the background does not hold it up', async () => {
  const output = lastLines(10)
  await stream(['sh', '-c', 'echo a; sleep 30 & echo $!'], output, { env })
  const [first, pid] = output.lines
  expect(first).toBe('a')
  process.kill(Number(pid))
})

test.skipIf(!existsSync('/usr/bin/ionice'))(
  'in the background a program gives way to others, also at the disk, and so does what it starts',
  async () => {
    const output = lastLines(10)
    await stream(['sh', '-c', "ionice -p $$; sh -c 'ionice -p $$'"], output, { env, background: true })
    await stream(['sh', '-c', 'ionice -p $$'], output, { env })
    const usual = execFileSync('ionice', ['-p', String(process.pid)], { encoding: 'utf8' }).trim()
    expect(output.lines).toEqual(['idle', 'idle', usual])
    await expect(stream(['no-such-program'], output, { env, background: true })).rejects.toMatchObject({
      message: 'cannot run `no-such-program`: the program or its directory is not there',
    })
  },
)

test('cancelling ends the whole process group', async () => {
  const cancel = new AbortController()
  const output = lastLines(10)
  const cancelled = stream(
    ['sh', '-c', 'sleep 60 & echo $!; wait'],
    {
      line(text) {
        output.line(text)
        cancel.abort()
      },
    },
    { env, signal: cancel.signal },
  )
  await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' })
  const pid = Number(output.lines[0])
  expect(await isAlive(pid)).toBe(false)
})

test('a program that takes too long is ended', async () => {
  await expect(stream(['sleep', '60'], lastLines(1), { env, timeout: 0.1 })).rejects.toMatchObject({
    message: '`sleep 60` did not end within 0.1 seconds',
  })
})
