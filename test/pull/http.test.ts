import { randomBytes } from 'node:crypto'
import { readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/context.ts'
import { cuttingProxy, startFileServer } from '../support/file-server.ts'
import { claimPortRange } from '../support/ports.ts'
import { packed, puller } from '../support/pull.ts'
import { SOON } from '../support/web.ts'

/** Nothing that gzip can make smaller. */
const LARGE = randomBytes(300_000).toString('hex')

describe('an archive at a URL', () => {
  it.each(['app.zip', 'app.tar.gz'])('is unpacked as %s, and once while it does not change', async (name) => {
    const server = await startFileServer()
    await packed(join(server.root, name), { 'index.html': 'one', 'css/a.css': 'a' })
    const site = await puller(`${server.url}/${name}`)
    expect(await site.pull()).toBe('updated')
    expect(await site.read('index.html')).toBe('one')
    expect(await site.read('css/a.css')).toBe('a')
    const tree = await site.current()
    expect(await site.pull()).toBe('unchanged')
    expect(await site.current()).toBe(tree)
    expect(await server.requests()).toEqual([expect.stringMatching(/^GET 200 /), 'GET 304 0 -'])
    expect(await readdir(site.settings.cache)).toEqual([])
  })

  it('is fetched when it changes', async () => {
    const server = await startFileServer()
    await packed(join(server.root, 'app.zip'), { a: 'one' })
    const { pull, read } = await puller(`${server.url}/app.zip`)
    await pull()
    await packed(join(server.root, 'app.zip'), { a: 'another' })
    expect(await pull()).toBe('updated')
    expect(await read('a')).toBe('another')
  })

  it('is known by its date and length where there is no ETag', async () => {
    const server = await startFileServer('etag off;')
    await packed(join(server.root, 'app.zip'), { a: 'one' })
    const { pull, read } = await puller(`${server.url}/app.zip`)
    await pull()
    expect(await pull()).toBe('unchanged')
    expect((await server.requests()).at(-1)).toBe('GET 304 0 -')
    await packed(join(server.root, 'app.zip'), { a: 'two' })
    await utimes(join(server.root, 'app.zip'), 1, 1_700_000_000)
    expect(await pull()).toBe('updated')
    expect(await read('a')).toBe('two')
  })

  it('is known by the same even if the server knows no conditions, and its content is not taken', async () => {
    const server = await startFileServer('if_modified_since off; etag off;')
    await packed(join(server.root, 'app.tar.gz'), { a: LARGE })
    const { pull, current } = await puller(`${server.url}/app.tar.gz`)
    await pull()
    const tree = await current()
    expect(await pull()).toBe('unchanged')
    expect(await current()).toBe(tree)
  })

  it('is known by its content where the server says nothing of it', async () => {
    const server = await startFileServer('if_modified_since off; etag off; add_header Last-Modified "";')
    await packed(join(server.root, 'app.tar.gz'), { a: 'one' })
    const { pull, current } = await puller(`${server.url}/app.tar.gz`)
    await pull()
    const tree = await current()
    expect(await pull()).toBe('unchanged')
    expect(await current()).toBe(tree)
  })

  it('that was only touched is not unpacked again', async () => {
    const server = await startFileServer()
    const archive = join(server.root, 'app.zip')
    await packed(archive, { a: 'one' })
    const { pull, current } = await puller(`${server.url}/app.zip`)
    await pull()
    const tree = await current()
    await utimes(archive, 1, 1_700_000_000)
    expect(await pull()).toBe('unchanged')
    expect(await pull()).toBe('unchanged')
    expect(await current()).toBe(tree)
    // What the server calls it by now is known from then on.
    expect((await server.requests()).at(-1)).toBe('GET 304 0 -')
  })

  it('is reached with the credentials of the URL, which nobody sees', async () => {
    const server = await startFileServer()
    await packed(join(server.root, 'private', 'app.zip'), { a: 'one' })
    const allowed = await puller(`${server.url.replace('//', '//bob:s3cret@')}/private/app.zip`)
    expect(await allowed.pull()).toBe('updated')
    expect(allowed.said.join('\n')).not.toContain('s3cret')
    for (const file of await filesBelow(allowed.local)) {
      expect(await readFile(file, 'latin1').catch(() => '')).not.toContain('s3cret')
    }
    const refused = await puller(`${server.url}/private/app.zip`)
    await expect(refused.pull()).rejects.toThrow(/HTTP status 401/)
    const wrong = await puller(`${server.url.replace('//', '//bob:wr0ng@')}/private/app.zip`)
    const error: unknown = await wrong.pull().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ message: expect.stringMatching(/HTTP status 401/) as string })
    expect(JSON.stringify(error)).not.toContain('wr0ng')
  })

  it('may be somewhere else', async () => {
    const server = await startFileServer()
    await packed(join(server.root, 'app.zip'), { a: 'one' })
    const { pull, read } = await puller(`${server.url}/moved/app.zip`)
    expect(await pull()).toBe('updated')
    expect(await read('a')).toBe('one')
    expect(await pull()).toBe('unchanged')
  })

  it('that is not there, or no archive, changes nothing', async () => {
    const server = await startFileServer()
    const { pull, read, trees } = await puller(`${server.url}/app.zip`)
    await expect(pull()).rejects.toThrow(/app\.zip answers with HTTP status 404/)
    await packed(join(server.root, 'app.zip'), { a: 'one' })
    await pull()
    await writeFile(join(server.root, 'app.zip'), 'no archive')
    await expect(pull()).rejects.toThrow(/app\.zip cannot be unpacked/)
    expect(await read('a')).toBe('one')
    expect(await trees()).toHaveLength(1)
    // Of another length: nginx's tags are of the length and the second.
    await packed(join(server.root, 'app.zip'), { a: 'another' })
    await pull()
    expect(await read('a')).toBe('another')
  })
})

describe('a download that breaks', () => {
  it('goes on from where it broke', async () => {
    const server = await startFileServer()
    await packed(join(server.root, 'app.tar.gz'), { a: LARGE })
    const proxy = await cuttingProxy(server.port, 100_000)
    const { pull, read } = await puller(`${proxy.url}/app.tar.gz`)
    expect(await pull()).toBe('updated')
    expect(await read('a')).toBe(LARGE)
    expect(proxy.cuts()).toBeGreaterThan(1)
    const ranges = (await server.requests()).filter((line) => line.startsWith('GET 206'))
    expect(ranges.length).toBeGreaterThan(1)
  })

  it('goes on at the next time, too', async () => {
    const server = await startFileServer()
    await packed(join(server.root, 'app.tar.gz'), { a: LARGE })
    const proxy = await cuttingProxy(server.port, 20_000, 'silence')
    const { pull, read, settings } = await puller(`${proxy.url}/app.tar.gz`)
    const stop = new AbortController()
    const pulling = pull(stop.signal)
    const came = async (): Promise<number> => {
      const [part = ''] = (await readdir(settings.cache)).filter((name) => name.endsWith('.archive'))
      return part === '' ? 0 : (await stat(join(settings.cache, part))).size
    }
    await expect.poll(came, { ...SOON, interval: 5 }).toBeGreaterThan(0)
    stop.abort()
    await expect(pulling).rejects.toMatchObject({ code: 'cancelled' })
    const had = await came()
    proxy.heal()
    expect(await pull()).toBe('updated')
    expect(await read('a')).toBe(LARGE)
    expect((await server.requests()).at(-1)).toBe(`GET 206 ${await sizeOf(server.root, had)} bytes=${had}-`)
  })

  it('is begun anew when the archive has changed meanwhile', async () => {
    const server = await startFileServer()
    const archive = join(server.root, 'app.tar.gz')
    await packed(archive, { a: LARGE })
    const proxy = await cuttingProxy(server.port, 100_000)
    const { pull, read } = await puller(`${proxy.url}/app.tar.gz`)
    const pulling = pull().catch((error: unknown) => error)
    await expect.poll(() => proxy.cuts(), { ...SOON, interval: 1 }).toBeGreaterThan(0)
    const other = join(await temporaryDirectory(), 'other.tar.gz')
    await packed(other, { a: `${LARGE}${LARGE.slice(0, 1000)}` })
    await rename(other, archive)
    proxy.heal()
    await pulling
    await pull()
    expect(await read('a')).toBe(`${LARGE}${LARGE.slice(0, 1000)}`)
  })

  it('leaves what is current when the server stays away', async () => {
    const server = await startFileServer()
    const archive = join(server.root, 'app.tar.gz')
    await packed(archive, { a: 'one' })
    const proxy = await cuttingProxy(server.port, Infinity)
    const away = await puller(`${proxy.url}/app.tar.gz`)
    await away.pull()
    await rm(archive)
    const gone = await puller(`http://127.0.0.1:${claimPortRange(1).min}/app.zip`)
    await expect(gone.pull()).rejects.toThrow(/cannot pull from .*ECONNREFUSED/)
    await expect(away.pull()).rejects.toThrow(/404/)
    expect(await away.read('a')).toBe('one')
  })
})

async function sizeOf(root: string, from: number): Promise<number> {
  return (await readFile(join(root, 'app.tar.gz'))).length - from
}

async function filesBelow(dir: string): Promise<string[]> {
  return (await readdir(dir, { recursive: true })).map((name) => join(dir, name))
}
