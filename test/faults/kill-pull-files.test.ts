/** `kill -9` in the middle of a pull that is no branch's: `current` is always whole, and the next pull leaves nothing of it. */
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createApp } from '../support/app.ts'
import { temporaryDirectory } from '../support/context.ts'
import { PYPAAS, run } from '../support/host.ts'
import { faulty } from './site.ts'

/** Two files that show whether they belong together. */
function version(text: string): Record<'a' | 'b', string> {
  return { a: text, b: text }
}

test(
  'wherever a pull is killed, `current` is whole, and the next one goes on',
  { timeout: 180_000 },
  async () => {
    const app = await createApp(version('first'))
    const own = await temporaryDirectory()
    const at = (...names: string[]): string => join(own, ...names)
    await mkdir(at('post'))
    await writeFile(at('post', 'tell'), `#!/bin/sh\ncat "$CURRENT_CONFIG/a" > '${at('told')}'\n`)
    await chmod(at('post', 'tell'), 0o755)
    const options = [
      '-r',
      `${app.dir}#main`,
      '-l',
      at('local'),
      '--cache',
      at('cache'),
      '--post-hooks',
      at('post'),
    ]
    const pull = (env?: Record<string, string>) =>
      run(process.execPath, [PYPAAS, '--home', at('home'), 'pull', '-f', ...options], env)
    const current = async (): Promise<string[]> =>
      Promise.all(['a', 'b'].map((name) => readFile(at('local', 'current', name), 'utf8')))
    // All trees and their records, and whatever else is beside them.
    const files = async (): Promise<string[]> =>
      (await readdir(own, { recursive: true }))
        .filter((path) => !/^cache\/[^/]+\.git\//.test(path))
        .map((path) => path.replaceAll(/\d{8}_\d{6}-[0-9a-f]{11}(\.\d+)?/g, 'TREE'))
        .toSorted()

    const counted = join(await temporaryDirectory(), 'count')
    for (const text of ['second', 'third']) {
      expect(await pull()).toMatchObject({ status: 0 })
      await app.commit(version(text))
    }
    expect(await pull(faulty({ command: 'pull', count: counted }))).toMatchObject({ status: 0 })
    const total = Number(await readFile(counted, 'utf8'))
    expect(total).toBeGreaterThan(15)
    const whole = await files()
    let present = 'third'
    for (let call = 1; call <= total; call++) {
      const next = `version ${call}`
      await app.commit(version(next))
      // One that had fewer calls to make has come to its end.
      await pull(faulty({ command: 'pull', call }))
      expect(
        [version(present), version(next)].map((each) => Object.values(each)),
        `call ${call}`,
      ).toContainEqual(await current())
      expect(await pull(), `call ${call}`).toMatchObject({ status: 0, stderr: '' })
      expect(await current(), `call ${call}`).toEqual([next, next])
      expect(await readFile(at('told'), 'utf8'), `call ${call}`).toBe(next)
      expect(await files(), `call ${call}`).toEqual(whole)
      present = next
    }
  },
)
