/** Several branches may pull from one place; none of them takes away or changes what another one has fetched. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parseRemote } from '../../src/config/remote.ts'
import type { News } from '../../src/pull/look.ts'
import { lookAt } from '../../src/pull/remote.ts'
import { DEFAULT_S3, openArtifacts } from '../../src/store/open.ts'
import { silent } from '../../src/system/output.ts'
import { createApp } from '../support/app.ts'
import { mainConfig, temporaryDirectory, testContext } from '../support/context.ts'
import { startFileServer } from '../support/file-server.ts'
import { packed } from '../support/pull.ts'

type Content = () => Promise<string>

/** Looks with one cache, and a store of artifacts with one version. */
async function sharing(): Promise<(owner: string, remote: string) => Promise<[News, Content]>> {
  const dir = await temporaryDirectory()
  const store = { kind: 'directory' as const, path: await temporaryDirectory() }
  const ctx = await testContext({
    main: mainConfig({ artifacts: { store, allowedSigners: undefined, s3: DEFAULT_S3 } }),
  })
  const archive = join(dir, 'shop.tar.gz')
  await packed(archive, { a: 'main' })
  await (await openArtifacts(ctx)).put({ app: 'shop', version: '1' }, archive, {})
  return async (owner, text) => {
    const remote = parseRemote(text)
    if (typeof remote === 'string') throw new Error(remote)
    const { signal } = new AbortController()
    const options = { known: undefined, cache: join(dir, 'cache'), owner, output: silent, signal }
    const look = await lookAt(ctx, remote, options)
    if (!('news' in look)) throw new Error(`nothing new at ${text}`)
    const place = join(dir, owner)
    return [
      look.news,
      async () => {
        await look.news.place(place)
        return readFile(join(place, 'a'), 'utf8')
      },
    ]
  }
}

it('an archive that one has done with is still there for the other', async () => {
  const look = await sharing()
  const server = await startFileServer()
  await packed(join(server.root, 'app.tar.gz'), { a: 'main' })
  for (const remote of [`${server.url}/app.tar.gz`, 'artifact:shop/master']) {
    const at = remote.slice(0, 4)
    const [first, ofFirst] = await look(`${at}-first`, remote)
    const [, ofSecond] = await look(`${at}-second`, remote)
    expect(await ofFirst()).toBe('main')
    await first.settled()
    expect(await ofSecond()).toBe('main')
  }
})

it('branches of one repository that are fetched at once are not taken for each other', async () => {
  const look = await sharing()
  const app = await createApp({ a: 'main' })
  await app.git('checkout', '-q', '-b', 'staging')
  await app.commit({ a: 'staging' })
  const branches = Array.from({ length: 8 }, (_, at) => (at % 2 === 0 ? 'main' : 'staging'))
  const contents = await Promise.all(
    branches.map(async (branch, at) => {
      const [, content] = await look(`site-${at}`, `${app.dir}#${branch}`)
      return content()
    }),
  )
  expect(contents).toEqual(branches)
})
