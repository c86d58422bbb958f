import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { DEFAULT_S3, openArtifacts } from '../../src/store/open.ts'
import { temporaryDirectory } from '../support/context.ts'
import { packed, puller, type Puller } from '../support/pull.ts'

const REF = { app: 'shop', target: 'live' }

it('the newest version of an artifact is pulled, and once while it is the newest', async () => {
  const { publish, pull, read, current, said, settings } = await artifactPuller()
  await publish('1.9', 'one')
  expect(await pull()).toBe('updated')
  expect(await read('a')).toBe('one')
  expect(await current()).toMatch(/-1\.9$/)
  expect(said.join('\n')).toContain('1.9')
  expect(await readdir(settings.cache)).toEqual([])
  expect(await pull()).toBe('unchanged')
  await publish('1.10', 'ten')
  await publish('1.2', 'two')
  expect(await pull()).toBe('updated')
  expect(await read('a')).toBe('ten')
})

it('what was fetched and blocked is not fetched again', async () => {
  const { store, publish, pull, read, hook } = await artifactPuller()
  await publish('1', 'one')
  await hook('pre', 'no', 'exit 1')
  await expect(pull()).rejects.toMatchObject({ code: 'busy' })
  await writeFile(join(store, 'shop', 'live', 'shop.tar.gz', '1'), 'altered meanwhile')
  await hook('pre', 'no', 'exit 0')
  expect(await pull()).toBe('updated')
  expect(await read('a')).toBe('one')
})

it('an artifact that was altered, or has gone, changes nothing', async () => {
  const { store, publish, pull, read, settings } = await artifactPuller()
  await expect(pull()).rejects.toThrow(/has no shop\.tar\.gz of shop live/)
  await publish('1', 'one')
  await pull()
  await publish('2', 'two')
  const file = join(store, 'shop', 'live', 'shop.tar.gz', '2')
  const content = await readFile(file)
  content[10] = (content[10] ?? 0) ^ 1
  await writeFile(file, content)
  await expect(pull()).rejects.toThrow(/is not what was put there/)
  expect(await read('a')).toBe('one')
  await rm(file)
  await expect(pull()).rejects.toMatchObject({ code: 'failed' })
  expect(await read('a')).toBe('one')
  expect(await readdir(settings.cache)).toEqual([])
})

it('without a repository of artifacts it is said how to have one', async () => {
  const { pull } = await puller('artifact:shop/live')
  await expect(pull()).rejects.toMatchObject({
    code: 'config',
    message: expect.stringContaining('no repository of artifacts') as string,
  })
})

async function artifactPuller(): Promise<
  Puller & { store: string; publish: (version: string, content: string) => Promise<void> }
> {
  const store = await temporaryDirectory()
  const artifacts = {
    store: { kind: 'directory' as const, path: store },
    allowedSigners: undefined,
    s3: DEFAULT_S3,
  }
  const made = await puller('artifact:shop/live', {}, { artifacts })
  return {
    ...made,
    store,
    async publish(version, content) {
      const archive = join(await temporaryDirectory(), 'shop.tar.gz')
      await packed(archive, { a: content })
      await (await openArtifacts(made.ctx)).put({ ...REF, version }, archive, {})
    },
  }
}
