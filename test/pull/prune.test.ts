import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { prunePullCache } from '../../src/pull/prune.ts'
import { temporaryDirectory } from '../support/context.ts'

it('what nothing was fetched into for a month goes, and nothing that pulls have not made', async () => {
  const cache = await temporaryDirectory()
  const now = new Date()
  const old = new Date(now.getTime() - 31 * 86_400_000)
  const used = 'a'.repeat(24)
  const unused = 'b'.repeat(24)
  for (const [name, time] of [
    [used, now],
    [unused, old],
  ] as const) {
    const heads = join(cache, `${name}.git`, 'refs', 'heads')
    await mkdir(heads, { recursive: true })
    for (const file of [`${name}.archive`, `${name}.json`, `notes-${name}.json`]) {
      await writeFile(join(cache, file), '')
      await utimes(join(cache, file), time, time)
    }
    await utimes(heads, time, time)
  }
  const ofGone = `.${used}.git.999999.0123456789ab`
  const ofOurs = `.${used}.git.${process.pid}.0123456789ab`
  for (const name of [ofGone, ofOurs]) await mkdir(join(cache, name))
  await prunePullCache(cache, now)
  expect((await readdir(cache)).toSorted()).toEqual(
    [
      ofOurs,
      `${used}.archive`,
      `${used}.git`,
      `${used}.json`,
      `notes-${used}.json`,
      `notes-${unused}.json`,
    ].toSorted(),
  )
  await prunePullCache(join(cache, 'nothing'), now)
})
