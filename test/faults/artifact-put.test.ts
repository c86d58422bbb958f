/** The repository of artifacts in a directory when its writer is killed, or the disk is full. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { artifactsOf, type Artifacts } from '../../src/store/artifacts.ts'
import { directoryStore } from '../../src/store/directory.ts'
import { temporaryDirectory } from '../support/context.ts'
import { PYPAAS, run } from '../support/host.ts'

const PRELOAD = fileURLToPath(new URL('preload.mjs', import.meta.url))

const mounting = process.getuid?.() === 0

async function put(home: string, store: string, version: string, file: string, fault: object = {}) {
  const args = ['--home', home, 'artifact', 'put', 'shop', version, file, '--store', store]
  return run(process.execPath, ['--import', PRELOAD, PYPAAS, ...args], {
    PYPAAS_FAULT: JSON.stringify({ command: 'put', from: store, ...fault }),
  })
}

/** Every version that is listed is whole, and `latest` names one of them. */
async function expectWhole(artifacts: Artifacts, into: string): Promise<void> {
  const versions = (await artifacts.versions({ app: 'shop' })).map(({ version }) => version)
  for (const version of versions) await artifacts.get({ app: 'shop', version }, into)
  expect(versions).toContain(await artifacts.latest({ app: 'shop' }))
}

test('a put that is killed at any call leaves whole versions only, and the next one finishes it', async () => {
  const home = await temporaryDirectory()
  const file = join(home, 'file')
  await writeFile(file, randomBytes(100_000))
  const store = join(home, 'store')
  await mkdir(store)
  const artifacts = artifactsOf(await directoryStore(store))
  const count = join(home, 'count')
  expect(await put(home, store, '1.0', file, { call: 0, count })).toMatchObject({ status: 0 })
  const calls = Number(await readFile(count, 'utf8'))
  expect(calls).toBeGreaterThan(5)
  for (let call = 1; call <= calls; call++) {
    const ref = { app: 'shop', version: `1.${call}` }
    expect((await put(home, store, ref.version, file, { call })).status).not.toBe(0)
    await expectWhole(artifacts, join(home, 'got'))
    await artifacts.put(ref, file, {})
    expect(await artifacts.latest(ref)).toBe(ref.version)
  }
})

test.skipIf(!mounting)('a full disk is told, and leaves nothing half written', async ({ skip }) => {
  const home = await temporaryDirectory()
  const disk = join(home, 'disk')
  await mkdir(disk)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk])
  if (mounted.status !== 0) skip(`nothing can be mounted: ${String(mounted.stderr)}`)
  onTestFinished(() => void spawnSync('umount', ['-l', disk]))
  const small = join(home, 'small')
  await writeFile(small, randomBytes(100_000))
  const large = join(home, 'large')
  await writeFile(large, randomBytes(4 * 2 ** 20))

  expect(await put(home, disk, '1', small)).toMatchObject({ status: 0 })
  const refused = await put(home, disk, '2', large)
  expect(refused).toMatchObject({ status: 1, stdout: '' })
  expect(refused.stderr).toMatch(/^pypaas: (?:\S+: )?the disk is full\n {8}make room/)
  expect((await readdir(join(disk, 'shop/master/shop.tar.gz'))).toSorted()).toEqual([
    '.lock',
    '1',
    '1.meta',
    'latest',
  ])

  const store = join(home, 'store')
  await mkdir(store)
  expect(await put(home, store, '2', large)).toMatchObject({ status: 0 })
  const get = ['artifact', 'get', 'shop', '--store', store, '--output', join(disk, 'got')]
  const got = await run(process.execPath, [PYPAAS, '--home', home, ...get])
  expect(got).toMatchObject({ status: 1, stdout: '' })
  expect(got.stderr).toContain('the disk is full')
  expect(await readdir(disk)).toEqual(['shop'])
})
