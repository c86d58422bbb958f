import { readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { artifactsOf } from '../../src/store/artifacts.ts'
import { directoryStore } from '../../src/store/directory.ts'
import { temporaryDirectory } from '../support/context.ts'
import { fileWith, storeContract } from './contract.ts'

storeContract(async () => directoryStore(await temporaryDirectory()))

test('the layout is app/target/artifact/version, with metadata beside it', async () => {
  const root = await temporaryDirectory()
  const artifacts = artifactsOf(await directoryStore(root))
  const { sha256 } = await artifacts.put({ app: 'shop', version: '1.0' }, await fileWith('content'), {})
  const at = join(root, 'shop/master/shop.tar.gz')
  expect((await readdir(at)).filter((name) => !name.startsWith('.'))).toEqual(['1.0', '1.0.meta', 'latest'])
  expect(await readFile(join(at, '1.0'), 'utf8')).toBe('content')
  expect(JSON.parse(await readFile(join(at, '1.0.meta'), 'utf8'))).toEqual({ sha256 })
  expect(await readFile(join(at, 'latest'), 'utf8')).toBe('1.0\n')
  expect((await stat(join(at, '1.0'))).mode & 0o777).toBe(0o644)
})

test('a directory that is not there is not made: its share may not be mounted', async () => {
  const root = join(await temporaryDirectory(), 'missing')
  await expect(directoryStore(root)).rejects.toMatchObject({
    code: 'config',
    message: /there is no directory/,
  })
})

test('a key leads nowhere else', async () => {
  const store = await directoryStore(await temporaryDirectory())
  for (const key of ['../x', 'a/../../x', '/etc/passwd', 'a//b', '', 'a\0b']) {
    await expect(store.head(key)).rejects.toThrow(RangeError)
    await expect(store.write(key, 'x')).rejects.toThrow(RangeError)
  }
})

test('a version whose writer was killed in the middle is none, and gc removes the remains when they are old', async () => {
  const root = await temporaryDirectory()
  const artifacts = artifactsOf(await directoryStore(root))
  const ref = { app: 'shop', version: '1' }
  await artifacts.put(ref, await fileWith('one'), {})
  const at = join(root, 'shop/master/shop.tar.gz')
  // The metadata comes first; then the content by a rename.
  await writeFile(join(at, '2.meta'), '{"sha256": "00"}')
  const remains = join(at, '.2.4711.0123456789ab')
  await writeFile(remains, 'half of')
  expect((await artifacts.versions(ref)).map(({ version }) => version)).toEqual(['1'])

  await artifacts.gc({ keep: 1, now: new Date() })
  await expect(stat(remains)).resolves.toBeDefined()
  const old = new Date('2020-01-01')
  await utimes(remains, old, old)
  await artifacts.gc({ keep: 1, now: new Date() })
  await expect(stat(remains)).rejects.toThrow(/ENOENT/)

  await artifacts.put({ ...ref, version: '2' }, await fileWith('two'), {})
  expect(await artifacts.latest(ref)).toBe('2')
})

test('a truncated version is refused', async () => {
  const root = await temporaryDirectory()
  const artifacts = artifactsOf(await directoryStore(root))
  const file = await fileWith('x'.repeat(200_000))
  await artifacts.put({ app: 'shop', version: '1' }, file, {})
  await truncate(join(root, 'shop/master/shop.tar.gz/1'), 100_000)
  await expect(artifacts.get({ app: 'shop' }, `${file}.got`)).rejects.toThrow(/its SHA-256 is not right/)
})

test('a cancelled copy leaves nothing', async () => {
  const root = await temporaryDirectory()
  const artifacts = artifactsOf(await directoryStore(root))
  const file = await fileWith('')
  await truncate(file, 8 * 2 ** 20)
  const cancel = new AbortController()
  const put = artifacts.put(
    { app: 'shop', version: '1' },
    file,
    {},
    {
      signal: cancel.signal,
      progress: () => cancel.abort(),
    },
  )
  await expect(put).rejects.toMatchObject({ code: 'cancelled' })
  expect(await artifacts.versions({ app: 'shop' })).toEqual([])
  const at = join(root, 'shop/master/shop.tar.gz')
  expect((await readdir(at)).filter((name) => name !== '.lock')).toEqual([])

  await rm(at, { recursive: true })
  await artifacts.put({ app: 'shop', version: '1' }, file, {})
  const get = new AbortController()
  const got = artifacts.get({ app: 'shop' }, `${file}.got`, {
    signal: get.signal,
    progress: () => get.abort(),
  })
  await expect(got).rejects.toMatchObject({ code: 'cancelled' })
  await expect(stat(`${file}.got`)).rejects.toThrow(/ENOENT/)
})
