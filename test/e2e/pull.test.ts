import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createApp } from '../support/app.ts'
import { temporaryDirectory } from '../support/context.ts'
import { PYPAAS, run } from '../support/host.ts'
import { SOON } from '../support/web.ts'

it('pull -f updates once, and its exit status says what came of it, without any configuration of pypaas', async () => {
  const app = await createApp({ a: 'one' })
  const { pull, dir, hook } = await pullHost(`${app.dir}#main`)
  expect(await pull('-f')).toMatchObject({ status: 0, stderr: '' })
  expect(await readFile(join(dir, 'local', 'current', 'a'), 'utf8')).toBe('one')
  expect(await pull('-f')).toEqual({ status: 0, stdout: '', stderr: '' })
  expect(await pull('-f', '-v')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/nothing new/) as string,
  })
  await app.commit({ a: 'two' })
  await hook('pre-update.d', 'echo not today; exit 1')
  const blocked = await pull('-f')
  expect(blocked.status).toBe(4)
  expect(blocked.stderr).toMatch(/the update is blocked/)
  expect(blocked.stderr).toMatch(/not today/)
  await hook('pre-update.d', 'exit 0')
  await hook('post-update.d', 'exit 1')
  const failed = await pull('-f')
  expect(failed.status).toBe(1)
  expect(failed.stderr).toMatch(/the update was reverted/)
  expect(await readFile(join(dir, 'local', 'current', 'a'), 'utf8')).toBe('one')
  const wrong = await pull('-f', '-r', 'nothing')
  expect(wrong.status).toBe(2)
  expect(wrong.stderr).toMatch(/it is no remote/)
})

it('pull goes on at its schedule until it is ended, and finishes what is at hand', async () => {
  const app = await createApp({ a: 'one' })
  const { argv, dir, hook } = await pullHost(`${app.dir}#main`, 'schedule=* * * * * *\n')
  const [program, ...args] = argv
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (said += String(text)))
  const current = (): Promise<string> => readFile(join(dir, 'local', 'current', 'a'), 'utf8').catch(() => '')
  await expect.poll(current, SOON).toBe('one')
  await hook('post-update.d', 'touch begun; while [ ! -e go ]; do sleep 0.05; done')
  await app.commit({ a: 'two' })
  const begun = (): Promise<boolean> =>
    readFile(join(dir, 'local', 'begun')).then(
      () => true,
      () => false,
    )
  await expect.poll(begun, SOON).toBe(true)
  child.kill('SIGTERM')
  await writeFile(join(dir, 'local', 'go'), '')
  const [status] = (await ended) as [number]
  expect(said).toMatch(/^\d{4}-\S+Z pulling /)
  expect(status).toBe(0)
  expect(await current()).toBe('two')
  // It was settled: nothing is left to be finished.
  expect((await run(program, [...args, '-f'])).stdout).toBe('')
})

interface PullHost {
  readonly dir: string
  readonly argv: [program: string, ...args: string[]]
  readonly pull: (...args: string[]) => ReturnType<typeof run>
  /** Writes the one hook of a directory. */
  readonly hook: (directory: string, script: string) => Promise<void>
}

async function pullHost(remote: string, more = ''): Promise<PullHost> {
  const dir = await temporaryDirectory()
  const file = join(dir, 'pull.cfg')
  await writeFile(file, `remote=${remote}\nlocal=${join(dir, 'local')}\n${more}`)
  const argv: [string, ...string[]] = [process.execPath, PYPAAS, '--home', dir, 'pull', '-c', file]
  const [program, ...args] = argv
  return {
    dir,
    argv,
    pull: (...given) => run(program, [...args, ...given]),
    async hook(directory, script) {
      const path = join(dir, directory, 'hook')
      await mkdir(join(dir, directory), { recursive: true })
      await writeFile(path, `#!/bin/sh\n${script}\n`)
      await chmod(path, 0o755)
    },
  }
}
