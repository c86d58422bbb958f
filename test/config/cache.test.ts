import { chmod, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { fingerprint, isSettled } from '../../src/config/cache.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/types.ts'
import { temporaryDirectory } from '../support/context.ts'
import { DOMAIN, problemsOf, REPO, writeConfig, type Files } from './files.ts'

interface Cached {
  version: string
  files: Record<string, { value: { branches: Record<string, { env: Record<string, string> }> } }>
}

interface Host {
  readonly dir: string
  readonly cacheFile: string
  load(build?: string): Promise<Config>
  cached(): Promise<Cached>
  /** Replaces the cache's content by what `change` makes of it: what is used from it shows. */
  forge(change: (cached: Cached) => void): Promise<void>
}

/** A configuration that counts as written long ago. */
async function settledHost(files: Files): Promise<Host> {
  const home = await temporaryDirectory()
  const dir = join(home, 'config')
  const cacheFile = join(home, 'cache', 'config.json')
  await writeConfig(dir, files)
  later()
  const cached = async (): Promise<Cached> => JSON.parse(await readFile(cacheFile, 'utf8')) as Cached
  return {
    dir,
    cacheFile,
    load: (build = 'build 1') => loadConfig(dir, { cacheFile, build }),
    cached,
    async forge(change) {
      const content = await cached()
      change(content)
      await writeFile(cacheFile, JSON.stringify(content))
    },
  }
}

/** From now on the clock is ten seconds ahead, so that files of this moment are old. */
function later(): void {
  const ahead = Date.now() + 10_000
  const clock = vi.spyOn(Date, 'now').mockReturnValue(ahead)
  onTestFinished(() => clock.mockRestore())
}

const ENV = 'branches: {main: {runners: {}, env: {KEY: real}}}\n'

function keyOf(config: Config): string | undefined {
  return config.repos.get('app')?.branches.get('main')?.env.KEY
}

function forgeKey(host: Host): Promise<void> {
  return host.forge(({ files }) => {
    const env = files[join(host.dir, 'repos/app.yml')]?.value.branches.main?.env
    if (env !== undefined) env.KEY = 'cached'
  })
}

describe('the cache', () => {
  test('is used for files that did not change, and says the same', async () => {
    const host = await settledHost({ 'repos/app.yml': REPO, 'domains/example.com.yml': DOMAIN })
    const first = await host.load()
    const second = await host.load()
    expect(second).toEqual(first)
    expect(Object.keys((await host.cached()).files)).toHaveLength(3)
  })

  test('is what a file is taken from until it changes', async () => {
    const host = await settledHost({ 'repos/app.yml': ENV })
    await host.load()
    await forgeKey(host)
    expect(keyOf(await host.load())).toBe('cached')
    await writeFile(join(host.dir, 'repos/app.yml'), ENV.replace('real', 'new!'))
    later()
    expect(keyOf(await host.load())).toBe('new!')
  })

  test('notices a file of the same size and time that took the place of another', async () => {
    const host = await settledHost({ 'repos/app.yml': ENV })
    const file = join(host.dir, 'repos/app.yml')
    await host.load()
    const { atime, mtime } = await stat(file)
    await writeFile(file, ENV.replace('real', 'fake'))
    await utimes(file, atime, mtime)
    later()
    expect(keyOf(await host.load())).toBe('fake')
  })

  test('does not keep a file that changed a moment ago', async () => {
    const host = await settledHost({ 'repos/app.yml': ENV })
    vi.restoreAllMocks()
    await host.load()
    await expect(readFile(host.cacheFile)).rejects.toThrow('ENOENT')
  })

  test('is readable by its owner only, for it holds environments', async () => {
    const host = await settledHost({ 'repos/app.yml': ENV })
    await host.load()
    expect(((await stat(host.cacheFile)).mode & 0o777).toString(8)).toBe('600')
  })

  test('is not written when nothing changed', async () => {
    const host = await settledHost({ 'repos/app.yml': ENV })
    await host.load()
    const { ino } = await stat(host.cacheFile)
    await host.load()
    expect((await stat(host.cacheFile)).ino).toBe(ino)
  })

  test('of another build is not used', async () => {
    const host = await settledHost({ 'repos/app.yml': ENV })
    await host.load('build 1')
    await forgeKey(host)
    expect(keyOf(await host.load('build 2'))).toBe('real')
  })

  test('that is damaged is not used and is replaced', async () => {
    const host = await settledHost({ 'repos/app.yml': ENV })
    await host.load()
    for (const damage of ['', '{"version":', 'null', '[]', '{}']) {
      await writeFile(host.cacheFile, damage)
      expect(keyOf(await host.load())).toBe('real')
      expect(Object.keys((await host.cached()).files)).toHaveLength(2)
    }
  })

  test('that cannot be written does no harm', async () => {
    const host = await settledHost({ 'repos/app.yml': ENV, cache: '' })
    const config = await loadConfig(host.dir, { cacheFile: join(host.dir, 'cache', 'config.json') })
    expect(keyOf(config)).toBe('real')
  })

  test('forgets files that are gone', async () => {
    const host = await settledHost({ 'repos/app.yml': ENV, 'repos/old.yml': REPO })
    await host.load()
    await rm(join(host.dir, 'repos/old.yml'))
    expect([...(await host.load()).repos.keys()]).toEqual(['app'])
    expect(Object.keys((await host.cached()).files)).not.toContain(join(host.dir, 'repos/old.yml'))
  })

  test('keeps the problems of a file with their places', async () => {
    const host = await settledHost({
      'repos/app.yml': `${REPO}\nbranchs: 1\n`,
      'repos/other.yml': REPO,
      'domains/example.com.yml': DOMAIN.replace('repo: app', 'repo: othr'),
    })
    const first = await host.load()
    expect(problemsOf(first)).toEqual([
      'repos/app.yml:3:1: unknown key `branchs`; known keys: `branches`',
      'domains/example.com.yml:1:34: locations."/".upstream.repo: there is no repo `othr`; did you mean `other`?',
    ])
    const { ino } = await stat(host.cacheFile)
    expect(problemsOf(await host.load())).toEqual(problemsOf(first))
    expect((await stat(host.cacheFile)).ino).toBe(ino)
  })

  test('tells a file of other permissions from the one it knows', async () => {
    const host = await settledHost({ 'repos/app.yml': ENV })
    const file = join(host.dir, 'repos/app.yml')
    const before = await stat(file)
    await chmod(file, 0o600)
    expect(fingerprint(await stat(file))).not.toBe(fingerprint(before))
  })
})

test('a file counts as settled two seconds after its last change', () => {
  const stamp = { mtimeMs: 0, ctimeMs: 10_000, size: 1, ino: 1 }
  expect(isSettled(stamp, 12_001)).toBe(true)
  expect(isSettled(stamp, 12_000)).toBe(false)
  expect(isSettled(stamp, 9000)).toBe(false)
})
