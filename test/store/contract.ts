/** What every store promises, and the repository of artifacts on each of them: the same tests for all. */
import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { artifactsOf, SIGNATURE, type Artifacts } from '../../src/store/artifacts.ts'
import { readDocument, type Store } from '../../src/store/store.ts'
import { temporaryDirectory } from '../support/context.ts'

/** @param open a new, empty store */
export function storeContract(open: () => Promise<Store>): void {
  test('a document is written only under the condition that it is given', async () => {
    const store = await open()
    const first = await store.write('a/b.json', 'one', { ifNoneMatch: '*', meta: { who: 'Jürgen 100 %' } })
    expect(first).toBeDefined()
    expect(await store.write('a/b.json', 'other', { ifNoneMatch: '*' })).toBeUndefined()
    expect(await store.head('a/b.json')).toMatchObject({
      size: 3,
      etag: first,
      meta: { who: 'Jürgen 100 %' },
    })
    const second = await store.write('a/b.json', 'two', { ifMatch: first ?? '' })
    expect(await readDocument(store, 'a/b.json')).toEqual({ text: 'two', etag: second })
    expect(await store.write('a/b.json', 'three', { ifMatch: first ?? '' })).toBeUndefined()
    expect(await store.write('a/missing', 'x', { ifMatch: first ?? '' })).toBeUndefined()
    expect(await store.remove('a/b.json', { ifMatch: first ?? '' })).toBe(false)
    expect(await store.remove('a/b.json', { ifMatch: second ?? '' })).toBe(true)
    expect([await store.head('a/b.json'), await store.read('a/b.json')]).toEqual([undefined, undefined])
    expect(await store.remove('a/b.json')).toBe(true)
  })

  test('of many who write a document at once, one does', async () => {
    const store = await open()
    const written = await Promise.all(
      Array.from({ length: 8 }, (_, at) => store.write('lock', `by ${at}`, { ifNoneMatch: '*' })),
    )
    expect(written.filter((etag) => etag !== undefined)).toHaveLength(1)
    const winner = written.findIndex((etag) => etag !== undefined)
    expect((await readDocument(store, 'lock'))?.text).toBe(`by ${winner}`)
  })

  test('what is below a prefix is listed', async () => {
    const store = await open()
    for (const key of ['.fleet/x.json', 'a/b/1', 'a/b/2', 'a/c', 'ab']) await store.write(key, key)
    const keys = async (prefix: string) => (await store.list(prefix)).map(({ key }) => key)
    expect(await keys('')).toEqual(['.fleet/x.json', 'a/b/1', 'a/b/2', 'a/c', 'ab'])
    expect(await keys('a')).toEqual(['a/b/1', 'a/b/2', 'a/c', 'ab'])
    expect(await keys('a/b/')).toEqual(['a/b/1', 'a/b/2'])
    expect(await keys('nothing/')).toEqual([])
    const children = await store.children('a/')
    expect([children.directories, children.entries.map(({ key }) => key)]).toEqual([['b'], ['a/c']])
  })

  test('a file is read from any byte on, and only as long as it is the same', async () => {
    const store = await open()
    await store.write('x', '0123456789')
    const head = await store.head('x')
    const object = await store.read('x', { from: 4, ifMatch: head?.etag ?? '' })
    const chunks: Buffer[] = []
    for await (const chunk of object?.body ?? []) chunks.push(chunk as Buffer)
    expect([Buffer.concat(chunks).toString(), object?.size]).toEqual(['456789', 10])
    await store.write('x', 'another one')
    await expect(store.read('x', { ifMatch: head?.etag ?? '' })).rejects.toThrow(/replaced/)
  })

  test('its clock is near ours', async () => {
    const store = await open()
    await store.head('x')
    expect(Math.abs(store.now().getTime() - Date.now())).toBeLessThan(60_000)
  })

  const repository = async (): Promise<Artifacts> => artifactsOf(await open())

  test('a version that is put is fetched as it was, by its name and as the latest', async () => {
    const artifacts = await repository()
    const content = randomBytes(300_000)
    const file = await fileWith(content)
    const meta = await artifacts.put({ app: 'shop', version: '1.2' }, file, { commit: 'c0ffee' })
    const sha256 = createHash('sha256').update(content).digest('hex')
    expect(meta).toEqual({ sha256, size: 300_000, commit: 'c0ffee' })
    for (const version of [undefined, 'latest', '1.2']) {
      const into = `${file}.${version}`
      const seen: number[] = []
      const got = await artifacts.get({ app: 'shop', version }, into, { progress: (done) => seen.push(done) })
      expect(got).toEqual({ version: '1.2', meta, signedBy: undefined })
      expect((await readFile(into)).equals(content)).toBe(true)
      expect(seen.at(-1)).toBe(300_000)
    }
    expect(await artifacts.meta({ app: 'shop' })).toEqual({ version: '1.2', meta })
    expect([await artifacts.apps(), await artifacts.targets('shop'), await artifacts.files('shop')]).toEqual([
      ['shop'],
      ['master'],
      ['shop.tar.gz'],
    ])
  })

  test('latest names the newest version, whatever the order in which they come', async () => {
    const artifacts = await repository()
    const file = await fileWith('x')
    const ref = { app: 'shop', target: 'feature/x' }
    for (const version of ['1.9', '1.10', '1.8']) await artifacts.put({ ...ref, version }, file, {})
    expect(await artifacts.latest(ref)).toBe('1.10')
    expect((await artifacts.versions(ref)).map(({ version, latest }) => [version, latest])).toEqual([
      ['1.8', false],
      ['1.9', false],
      ['1.10', true],
    ])
    expect(await artifacts.targets('shop')).toEqual(['feature/x'])
    expect(await artifacts.latest({ app: 'shop' })).toBeUndefined()
  })

  test('of publishers at once the later version is the latest', async () => {
    const artifacts = await repository()
    const file = await fileWith('x')
    const versions = Array.from({ length: 6 }, (_, at) => `1.${at + 6}`)
    await Promise.all(versions.map((version) => artifacts.put({ app: 'shop', version }, file, {})))
    expect(await artifacts.latest({ app: 'shop' })).toBe('1.11')
    expect((await artifacts.versions({ app: 'shop' })).map(({ version }) => version)).toEqual(versions)
  })

  test('a version never changes, and the same one may be put again', async () => {
    const artifacts = await repository()
    const ref = { app: 'shop', version: '1' }
    const [one, other] = [await fileWith('one'), await fileWith('other')]
    await artifacts.put(ref, one, {})
    await artifacts.put(ref, one, {})
    await expect(artifacts.put(ref, other, {})).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('is there already, with another content') as string,
    })
    const signed = { [SIGNATURE]: 'U1NIU0lH' }
    await expect(artifacts.put(ref, one, signed)).rejects.toThrow(/is there already, without a signature/)
    await artifacts.put({ ...ref, version: '2' }, one, signed)
    await artifacts.put({ ...ref, version: '2' }, one, signed)
    await artifacts.put({ ...ref, version: '2' }, one, {})
    await expect(artifacts.put({ ...ref, version: '2' }, one, { [SIGNATURE]: 'b3RoZXI=' })).rejects.toThrow(
      /with another signature/,
    )
    await artifacts.get(ref, `${one}.again`)
    expect(await readFile(`${one}.again`, 'utf8')).toBe('one')
  })

  test('of two who put one version at once, with different content, one is told', async () => {
    const artifacts = await repository()
    const files = await Promise.all([fileWith('one'), fileWith('other')])
    const ref = { app: 'shop', version: '1' }
    const results = await Promise.allSettled(files.map((file) => artifacts.put(ref, file, {})))
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    const into = `${files[0]}.got`
    await artifacts.get(ref, into)
    const winner = results[0]?.status === 'fulfilled' ? 'one' : 'other'
    expect(await readFile(into, 'utf8')).toBe(winner)
  })

  test('a version that was cut short before latest moved is finished by putting it again', async () => {
    const artifacts = await repository()
    const file = await fileWith('x')
    await artifacts.put({ app: 'shop', version: '1' }, file, {})
    await artifacts.store.remove('shop/master/shop.tar.gz/latest')
    await expect(artifacts.get({ app: 'shop' }, `${file}.got`)).rejects.toThrow(/there is no/)
    await artifacts.put({ app: 'shop', version: '1' }, file, {})
    expect(await artifacts.latest({ app: 'shop' })).toBe('1')
  })

  test('what was altered in the store is refused and leaves no file', async () => {
    const artifacts = await repository()
    const file = await fileWith('what was built')
    const { sha256 } = await artifacts.put({ app: 'shop', version: '1' }, file, {})
    await artifacts.store.write('shop/master/shop.tar.gz/1', 'what was put in', { meta: { sha256 } })
    const into = `${file}.got`
    await expect(artifacts.get({ app: 'shop' }, into)).rejects.toThrow(/its SHA-256 is not right/)
    await artifacts.store.write('shop/master/shop.tar.gz/1', 'what was built')
    await expect(artifacts.get({ app: 'shop' }, into)).rejects.toThrow(/no SHA-256/)
    expect(await readdir(dirname(into))).toEqual(['file'])
  })

  test('a version that is removed is latest no longer', async () => {
    const artifacts = await repository()
    const file = await fileWith('x')
    for (const version of ['1', '2', '3']) await artifacts.put({ app: 'shop', version }, file, {})
    await artifacts.delete({ app: 'shop', version: '3' })
    expect(await artifacts.latest({ app: 'shop' })).toBe('2')
    await artifacts.delete({ app: 'shop', version: '1' })
    expect(await artifacts.latest({ app: 'shop' })).toBe('2')
    await artifacts.delete({ app: 'shop', version: '2' })
    expect(await artifacts.latest({ app: 'shop' })).toBeUndefined()
    expect(await artifacts.versions({ app: 'shop' })).toEqual([])
    await expect(artifacts.delete({ app: 'shop', version: '2' })).rejects.toThrow(/there is no/)
  })

  test('gc keeps the newest, the latest, and what a host reports live', async () => {
    const artifacts = await repository()
    const file = await fileWith('x')
    const versions = Array.from({ length: 8 }, (_, at) => `1.${at + 4}`)
    for (const version of versions) await artifacts.put({ app: 'shop', version }, file, {})
    await artifacts.put({ app: 'blog', version: '1' }, file, {})
    await artifacts.store.write('.fleet/shop/master/one.json', JSON.stringify({ version: '1.5' }))
    await artifacts.store.write('.fleet/shop/master/two.json', JSON.stringify({ version: null, to: '1.7' }))
    const gc = { keep: 2, now: artifacts.store.now() }
    const planned = await artifacts.gc({ ...gc, dryRun: true })
    expect(planned.map(({ version }) => version)).toEqual(['1.4', '1.6', '1.8', '1.9'])
    expect(await artifacts.versions({ app: 'shop' })).toHaveLength(8)
    expect(await artifacts.gc(gc)).toEqual(planned)
    const left = (await artifacts.versions({ app: 'shop' })).map(({ version }) => version)
    expect(left).toEqual(['1.5', '1.7', '1.10', '1.11'])
    expect(await artifacts.latest({ app: 'shop' })).toBe('1.11')

    await artifacts.store.write('.fleet/shop/master/one.json', '{"vers')
    await expect(artifacts.gc({ ...gc, keep: 1 })).rejects.toThrow(/one\.json, the report of a host/)
    expect(await artifacts.versions({ app: 'shop' })).toHaveLength(4)
  })
}

/** In a directory of its own, named `file`. */
export async function fileWith(content: string | Buffer): Promise<string> {
  const path = join(await temporaryDirectory(), 'file')
  await writeFile(path, content)
  return path
}
