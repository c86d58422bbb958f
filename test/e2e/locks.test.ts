/** Which lock of the kernel the program takes: that of the library, and that of flock(1) where it has no binary. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createHost, PYPAAS, run } from '../support/host.ts'

/** As on a host for which the library has no binary. */
const WITHOUT = {
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(
    "process.dlopen = () => { throw new Error('no binary for this platform') }",
  )}`,
}

/** What the kernel calls the lock that is held on a file (proc_locks(5)). */
async function kindOf(path: string): Promise<string | undefined> {
  const { ino } = await stat(path)
  const fields = (await readFile('/proc/locks', 'utf8')).split('\n').map((line) => line.split(/[:\s]+/))
  return fields.find((line) => line[7] === String(ino))?.[1]
}

test.each([
  { how: 'the library', env: {}, kind: 'OFDLCK' },
  { how: 'flock(1)', env: WITHOUT, kind: 'FLOCK' },
])(
  'a daemon that locks by $how keeps a second one from its home until it is killed',
  async ({ env, kind }) => {
    const host = await createHost()
    const serve = async (...args: string[]) =>
      run(process.execPath, [PYPAAS, '--home', host.home, 'serve', ...args], env)
    await host.serve(env)
    expect(await kindOf(join(host.home, 'run/serve.lock'))).toBe(kind)
    expect(await serve()).toMatchObject({ status: 4 })
    await host.endDaemon('SIGKILL')
    await host.serve(env)
    expect(await serve('--stop')).toMatchObject({ status: 0, stderr: '' })
    expect(await host.stop()).toEqual([])
  },
)
