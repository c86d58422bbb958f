import { PutObjectCommand } from '@aws-sdk/client-s3'
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEFAULT_S3 } from '../../src/store/open.ts'
import { connectS3 } from '../../src/store/s3-client.ts'
import { temporaryDirectory } from '../support/context.ts'
import { cuttingProxy } from '../support/file-server.ts'
import { packed, puller, type Puller } from '../support/pull.ts'
import { startS3, whyNoS3, type S3Server } from '../support/s3.ts'

describe.skipIf(whyNoS3() !== undefined)('an archive in a bucket', () => {
  let s3: S3Server
  beforeAll(async () => {
    s3 = await startS3()
    await s3.makeBucket('pulled')
  }, 240_000)
  afterAll(() => s3.stop())

  it('is pulled when its ETag changes, with the keys of the file', async () => {
    const { pull, read, current, put } = await bucketPuller(s3, 'app.zip', {
      accessKey: s3.accessKey,
      secretKey: s3.secretKey,
    })
    await expect(pull()).rejects.toThrow(/there is nothing at s3:\/\/pulled\//)
    await put({ a: 'one' })
    expect(await pull()).toBe('updated')
    expect(await read('a')).toBe('one')
    const tree = await current()
    expect(await pull()).toBe('unchanged')
    expect(await current()).toBe(tree)
    await put({ a: 'two' })
    expect(await pull()).toBe('updated')
    expect(await read('a')).toBe('two')
  })

  it('is pulled with ~/.amazon/account-key, and gone on with where the connection broke', async () => {
    const proxy = await cuttingProxy(s3.port, 100_000)
    const { ctx, pull, read, put } = await bucketPuller(s3, 'large.tar.gz', undefined, proxy.url)
    await mkdir(join(ctx.paths.home, '.amazon'))
    const keys = `accessKey=${s3.accessKey}\nsecretKey=${s3.secretKey}\n`
    await writeFile(join(ctx.paths.home, '.amazon', 'account-key'), keys)
    const large = randomBytes(200_000).toString('hex')
    await put({ a: large })
    expect(await pull()).toBe('updated')
    expect(await read('a')).toBe(large)
    expect(proxy.cuts()).toBeGreaterThan(1)
  })

  it('is not had with wrong keys, which are not shown', async () => {
    const wrong = { accessKey: s3.accessKey, secretKey: 'wr0ng' }
    const { pull } = await bucketPuller(s3, 'app.zip', wrong)
    const error: unknown = await pull().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'failed' })
    expect(JSON.stringify(error) + String(error)).not.toContain('wr0ng')
  })
})

/** A key of its own in the bucket. */
async function bucketPuller(
  s3: S3Server,
  name: string,
  keys: Puller['settings']['keys'],
  endpoint = s3.endpoint,
): Promise<Puller & { put: (files: Record<string, string>) => Promise<void> }> {
  const key = `${randomBytes(4).toString('hex')}/${name}`
  const server = { ...DEFAULT_S3, endpoint, pathStyle: true }
  const artifacts = { store: undefined, allowedSigners: undefined, s3: server }
  const made = await puller(`s3://pulled/${key}`, { keys }, { artifacts })
  return {
    ...made,
    async put(files) {
      const archive = join(await temporaryDirectory(), name)
      await packed(archive, files)
      const { client } = await connectS3(await temporaryDirectory(), s3.config)
      const Body = await readFile(archive)
      await client.send(new PutObjectCommand({ Bucket: 'pulled', Key: key, Body }))
    },
  }
}
