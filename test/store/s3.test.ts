import { createHash, randomBytes } from 'node:crypto'
import { createServer, request, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { artifactsOf } from '../../src/store/artifacts.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import type { S3Config } from '../../src/config/types.ts'
import { temporaryDirectory, testContext } from '../support/context.ts'
import { PYPAAS, run } from '../support/host.ts'
import { startS3, whyNoS3, type S3Server } from '../support/s3.ts'
import { fileWith, storeContract } from './contract.ts'
import { proxyTo } from './proxy.ts'

const MIB = 2 ** 20
const why = whyNoS3()

describe.skipIf(why !== undefined)(
  `on a real S3 server${why === undefined ? '' : ` (not here: ${why})`}`,
  () => {
    let server: S3Server
    let stores = 0

    beforeAll(async () => {
      server = await startS3()
      await server.makeBucket('artifacts')
    })
    afterAll(() => server?.stop())

    /** A place of its own in the bucket. */
    const open = async (changes: Partial<S3Config> = {}, prefix = `test-${++stores}`): Promise<Store> =>
      openStore(await testContext(), `s3://artifacts/${prefix}`, { ...server.config, ...changes })

    storeContract(open)

    test('a download that is cut goes on where it broke off', async () => {
      const proxy = await proxyTo(server.port)
      const file = await largeFile(12 * MIB)
      const artifacts = artifactsOf(await open({ endpoint: proxy.url }))
      const { sha256 } = await artifacts.put({ app: 'shop', version: '1' }, file, {})
      const before = proxy.received()
      proxy.cutAfter('received', 8 * MIB)
      await artifacts.get({ app: 'shop' }, `${file}.got`)
      expect(proxy.cuts()).toBe(1)
      expect(sha256Of(await readFile(`${file}.got`))).toBe(sha256)
      // From its beginning again it would be 56; what was on its way is lost.
      expect(proxy.received() - before).toBeLessThan(44 * MIB)
    })

    test('a download ends when the server has gone for good, and leaves nothing', async () => {
      const proxy = await proxyTo(server.port)
      const file = await largeFile(12 * MIB)
      const artifacts = artifactsOf(await open({ endpoint: proxy.url }))
      await artifacts.put({ app: 'shop', version: '1' }, file, {})
      const cancel = new AbortController()
      const got = artifacts.get({ app: 'shop' }, `${file}.got`, {
        signal: cancel.signal,
        // Nobody need wait for all the attempts.
        progress: () => void proxy.close().then(() => cancel.abort()),
      })
      await expect(got).rejects.toMatchObject({ code: 'cancelled' })
      expect(await readdir(join(file, '..'))).toEqual(['file'])
    })

    test('a part of an upload whose connection is cut is sent again, and only that', async () => {
      const proxy = await proxyTo(server.port)
      const file = await largeFile(40 * MIB)
      const artifacts = artifactsOf(await open({ endpoint: proxy.url }))
      proxy.cutAfter('sent', 30 * MIB)
      const { sha256 } = await artifacts.put({ app: 'shop', version: '1' }, file, {})
      expect(proxy.cuts()).toBe(1)
      expect(proxy.sent()).toBeLessThan(40 * MIB + 3 * 8 * MIB + MIB)
      await artifacts.get({ app: 'shop' }, `${file}.got`)
      expect(sha256Of(await readFile(`${file}.got`))).toBe(sha256)
    })

    test('an upload that was cut short is no version, and goes on where it ended', async () => {
      const proxy = await proxyTo(server.port)
      const file = await largeFile(40 * MIB)
      const ctx = await testContext()
      const config = { ...server.config, endpoint: proxy.url }
      const artifacts = artifactsOf(await openStore(ctx, `s3://artifacts/test-${++stores}`, config))
      const ref = { app: 'shop', version: '1' }
      const cancel = new AbortController()
      const first = artifacts.put(
        ref,
        file,
        {},
        {
          signal: cancel.signal,
          progress: (done) => {
            if (done >= 16 * MIB) cancel.abort()
          },
        },
      )
      await expect(first).rejects.toMatchObject({ code: 'cancelled' })
      expect(await artifacts.versions(ref)).toEqual([])
      expect(await readdir(ctx.paths.uploads)).toHaveLength(1)
      const before = proxy.sent()
      const { sha256 } = await artifacts.put(ref, file, {})
      expect(proxy.sent() - before).toBeLessThan(25 * MIB)
      expect(await readdir(ctx.paths.uploads)).toEqual([])
      await artifacts.get(ref, `${file}.got`)
      expect(sha256Of(await readFile(`${file}.got`))).toBe(sha256)
    })

    test('of two who put one large version at once, with different content, the later one is told', async () => {
      const files = [await largeFile(20 * MIB), await largeFile(20 * MIB)] as const
      const prefix = `test-${++stores}`
      const ref = { app: 'shop', version: '1' }
      const first = artifactsOf(await open({}, prefix))
      // The other one is through while the last part of this is on its way.
      const endpoint = await filterBefore(server.port, async ({ url }) => {
        if (url?.includes('partNumber=3') === true) await first.put(ref, files[0], {})
        return undefined
      })
      const later = artifactsOf(await open({ endpoint }, prefix))
      await expect(later.put(ref, files[1], {})).rejects.toThrow(/is there already, with another content/)
      await first.get(ref, `${files[0]}.got`)
      expect(sha256Of(await readFile(`${files[0]}.got`))).toBe(sha256Of(await readFile(files[0])))
    })

    test('gc ends uploads that were given up, and after that such an upload begins anew', async () => {
      const file = await largeFile(20 * MIB)
      const artifacts = artifactsOf(await open())
      const ref = { app: 'shop', version: '1' }
      await artifacts.put({ ...ref, version: '0' }, await fileWith('x'), {})
      const cancel = new AbortController()
      const first = artifacts.put(ref, file, {}, { signal: cancel.signal, progress: () => cancel.abort() })
      await expect(first).rejects.toMatchObject({ code: 'cancelled' })
      await artifacts.gc({ keep: 5, now: new Date(Date.now() + 30 * 86_400_000) })
      await artifacts.put(ref, file, {})
      expect(await artifacts.latest(ref)).toBe('1')
    })

    test('a file that is not what it was when it was looked at is refused', async () => {
      const file = await largeFile(20 * MIB)
      const artifacts = artifactsOf(await open())
      const former = { path: file, size: 20 * MIB, sha256: sha256Of(await readFile(file)) }
      await writeFile(file, Buffer.alloc(20 * MIB))
      const put = artifacts.store.upload('x', former)
      await expect(put).rejects.toThrow(/has changed while it was read/)
      expect(await artifacts.store.head('x')).toBeUndefined()
    })

    test('a large artifact takes little memory, through the command', async () => {
      const home = await temporaryDirectory()
      await mkdir(join(home, 'config'))
      const store = `s3://artifacts/test-${++stores}`
      const yaml = `ports: {min: 1, max: 1}
artifacts: {store: '${store}', s3: {endpoint: '${server.endpoint}', storage_class: STANDARD}}
`
      await writeFile(join(home, 'config', 'pypaas.yml'), yaml)
      await mkdir(join(home, '.amazon'))
      const keys = `accessKey=${server.accessKey}\nsecretKey=${server.secretKey}\n`
      await writeFile(join(home, '.amazon', 'account-key'), keys, { mode: 0o600 })
      // Says at its end how much memory the process has had at most.
      const watcher = join(home, 'watcher.mjs')
      await writeFile(
        watcher,
        `import { appendFileSync, readFileSync } from 'node:fs'
process.on('exit', () => {
  const [, kB] = /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))
  appendFileSync(${JSON.stringify(join(home, 'peaks'))}, kB + '\\n')
})
`,
      )
      const file = join(home, 'large')
      await writeFile(file, '')
      await truncate(file, 256 * MIB)
      const pypaas = (...args: string[]) =>
        run(process.execPath, ['--import', watcher, PYPAAS, '--home', home, ...args])
      const put = await pypaas('artifact', 'put', 'shop', '1', file)
      expect(put).toMatchObject({ status: 0, stderr: '' })
      expect(put.stdout).toMatch(/^shop 1: 256 MiB, SHA-256 [0-9a-f]{64}$/)
      const got = await pypaas('artifact', 'get', 'shop', '--output', `${file}.got`)
      expect(got).toMatchObject({ status: 0, stderr: '' })
      const peaks = (await readFile(join(home, 'peaks'), 'utf8')).trim().split('\n').map(Number)
      expect(peaks).toHaveLength(2)
      for (const peak of peaks) expect(peak).toBeLessThan(200 * 1024)
    })

    test('wrong keys, a missing bucket, and no server are told without the keys', async () => {
      const ctx = await testContext()
      const artifacts = async (address: string, changes: Partial<S3Config>) =>
        artifactsOf(await openStore(ctx, address, { ...server.config, ...changes }))
      const wrong = await artifacts('s3://artifacts/x', { secretKey: 'geheim-4711' })
      await expect(wrong.latest({ app: 'shop' })).rejects.toMatchObject({
        code: 'failed',
        message: expect.stringMatching(/^s3:\/\/artifacts\/x\/shop.*refuses the keys/) as string,
        hint: expect.not.stringContaining('geheim') as string,
      })
      const missing = await artifacts('s3://nothing/x', {})
      await expect(missing.latest({ app: 'shop' })).rejects.toThrow(/there is no such bucket/)
      const proxy = await proxyTo(server.port)
      await proxy.close()
      const gone = await artifacts('s3://artifacts/x', { endpoint: proxy.url })
      await expect(gone.latest({ app: 'shop' })).rejects.toThrow(/cannot be reached/)
    })

    test('without conditional writes the later version wins all the same', async () => {
      const artifacts = artifactsOf(
        await open({ endpoint: await filterBefore(server.port, refuseConditions) }),
      )
      const file = await fileWith('x')
      await Promise.all(
        ['9', '11', '10', '8'].map((version) => artifacts.put({ app: 'shop', version }, file, {})),
      )
      expect(await artifacts.latest({ app: 'shop' })).toBe('11')
      await expect(artifacts.store.write('turn', 'x', { ifNoneMatch: '*' })).rejects.toMatchObject({
        code: 'config',
        message: expect.stringContaining('knows no conditional writes') as string,
      })
    })
  },
)

/** Passes requests on when `look` has ended, or answers with the status that it gives. */
async function filterBefore(
  port: number,
  look: (incoming: IncomingMessage) => Promise<number | undefined>,
): Promise<string> {
  const proxy = createServer((incoming, answer) => {
    const { method, url } = incoming
    const { expect: _, ...headers } = incoming.headers
    void look(incoming).then((status) => {
      if (status !== undefined) {
        incoming.resume()
        incoming.on('end', () => {
          answer.writeHead(status, { 'content-type': 'application/xml' })
          answer.end('<Error><Code>NotImplemented</Code><Message>refused</Message></Error>')
        })
        return
      }
      const upstream = request({ port, method, path: url, headers, host: '127.0.0.1' }, (response) => {
        answer.writeHead(response.statusCode ?? 500, response.headers)
        response.pipe(answer)
      })
      upstream.on('error', () => answer.destroy())
      incoming.pipe(upstream)
    })
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  onTestFinished(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
}

/** As servers do that know no conditional writes (OpenStack Swift). */
async function refuseConditions({ method, headers }: IncomingMessage): Promise<number | undefined> {
  const conditional = headers['if-match'] !== undefined || headers['if-none-match'] !== undefined
  return conditional && method !== 'GET' ? 501 : undefined
}

function sha256Of(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

async function largeFile(size: number): Promise<string> {
  return fileWith(randomBytes(size))
}
