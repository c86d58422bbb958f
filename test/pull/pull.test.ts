import { access, lstat, mkdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createApp } from '../support/app.ts'
import { puller } from '../support/pull.ts'
import { SOON } from '../support/web.ts'

describe('an update', () => {
  it('exchanges the whole: who watches sees the former tree or the new one', async () => {
    const app = await createApp({ a: '0', b: '0' })
    const { pull, local } = await puller(`${app.dir}#main`)
    await pull()
    const seen = new Set<string>()
    const watching = new AbortController()
    const watch = async (): Promise<void> => {
      while (!watching.signal.aborted) {
        const tree = await readlink(join(local, 'current'))
        const [a, b] = await Promise.all(['a', 'b'].map((name) => readFile(join(local, tree, name), 'utf8')))
        seen.add(`${a}${b}`)
      }
    }
    const watched = watch()
    for (const text of ['1', '2', '3']) {
      await app.commit({ a: text, b: text })
      expect(await pull()).toBe('updated')
      await expect.poll(() => seen.has(`${text}${text}`), SOON).toBe(true)
    }
    watching.abort()
    await watched
    expect([...seen].toSorted()).toEqual(['00', '11', '22', '33'])
  })

  it('keeps the former tree, and none before it', async () => {
    const app = await createApp({ a: '0' })
    const { pull, trees, current } = await puller(`${app.dir}#main`)
    for (const text of ['1', '2', '3']) {
      await app.commit({ a: text })
      await pull()
    }
    expect(await trees()).toHaveLength(2)
    expect(await current()).toMatch(/^\.pull\/trees\//)
  })

  it('is made anew when another remote is configured, or the tree has gone', async () => {
    const one = await createApp({ a: 'one' })
    const { pull, read, local, settings, ctx } = await puller(`${one.dir}#main`)
    await pull()
    await rm(join(local, await readlink(join(local, 'current'))), { recursive: true })
    expect(await pull()).toBe('updated')
    const two = await createApp({ a: 'two' })
    const other = await puller(`${two.dir}#main`, { local })
    expect(await other.pull()).toBe('updated')
    expect(await read('a')).toBe('two')
    expect(settings.local).toBe(local)
    expect(ctx.paths.home).not.toBe(local)
  })

  it('takes over a directory that was current', async () => {
    const app = await createApp({ a: 'new' })
    const { pull, read, local, hook } = await puller(`${app.dir}#main`)
    await mkdir(join(local, 'current'), { recursive: true })
    await writeFile(join(local, 'current', 'a'), 'old')
    await hook('post', 'compare', 'cat "$PREVIOUS_CONFIG/a" "$CURRENT_CONFIG/a" > compared')
    expect(await pull()).toBe('updated')
    expect(await read('a')).toBe('new')
    expect((await lstat(join(local, 'current'))).isSymbolicLink()).toBe(true)
    expect(await readFile(join(local, 'compared'), 'utf8')).toBe('oldnew')
  })

  it('is one at a time', async () => {
    const app = await createApp({ a: 'new' })
    const { pull, hook, local } = await puller(`${app.dir}#main`)
    await hook('pre', 'wait', 'touch begun; while [ ! -e go ]; do sleep 0.02; done')
    const first = pull()
    await expect.poll(() => isThere(join(local, 'begun')), SOON).toBe(true)
    await expect(pull()).rejects.toMatchObject({ code: 'busy' })
    await writeFile(join(local, 'go'), '')
    expect(await first).toBe('updated')
  })
})

describe('hook directories', () => {
  it('are run in the order of names, with the trees before and after; what is no executable is passed over', async () => {
    const app = await createApp({ a: 'one' })
    const { pull, hook, local, said } = await puller(`${app.dir}#main`)
    const note = 'echo "$0" "$(cat "$CURRENT_CONFIG/a")" "$(cat "$PREVIOUS_CONFIG/a" 2>/dev/null)" >> log'
    await hook('pre', '20-second', note)
    await hook('pre', '10-first', `${note}; echo a line of it; readlink current >> log || echo none >> log`)
    await hook('pre', 'README', 'exit 1', 0o644)
    await hook('pre', '.hidden', 'exit 1')
    await hook('post', 'after', note)
    await pull()
    await app.commit({ a: 'two' })
    await pull()
    const lines = (await readFile(join(local, 'log'), 'utf8')).trimEnd().split('\n')
    const first = await readlink(join(local, 'current'))
    expect(lines.map((line) => line.replace(/^\S*\//, '').trimEnd())).toEqual([
      '10-first one',
      'none',
      '20-second one',
      'after one',
      '10-first two one',
      expect.stringMatching(/^\d{8}_/) as string,
      '20-second two one',
      'after two one',
    ])
    expect(first).toMatch(/trees/)
    expect(said).toContain('a line of it')
  })

  it('before the update block it, until they do not', async () => {
    const app = await createApp({ a: 'one' })
    const { pull, hook, read, trees, local } = await puller(`${app.dir}#main`)
    await pull()
    await hook('pre', 'check', 'echo not now; test -e allowed')
    await app.commit({ a: 'two' })
    await expect(pull()).rejects.toMatchObject({
      code: 'busy',
      exitStatus: 4,
      message: expect.stringContaining('blocked') as string,
      output: ['not now'],
    })
    expect(await read('a')).toBe('one')
    expect(await trees()).toHaveLength(1)
    await writeFile(join(local, 'allowed'), '')
    expect(await pull()).toBe('updated')
    expect(await read('a')).toBe('two')
  })

  it('after the update take it back, and are run once more for the former tree', async () => {
    const app = await createApp({ a: 'one' })
    const { pull, hook, read, trees, local, current } = await puller(`${app.dir}#main`)
    await hook(
      'post',
      'apply',
      'cp current/a applied; echo "$(cat current/a)" >> log; grep -q good "$CURRENT_CONFIG/a"',
    )
    await expect(pull()).rejects.toThrow(/reverted/)
    // There was nothing before it.
    await expect(current()).rejects.toThrow(/ENOENT/)
    await app.commit({ a: 'good 1' })
    await pull()
    await app.commit({ a: 'bad' })
    await expect(pull()).rejects.toMatchObject({ code: 'failed', exitStatus: 1 })
    expect(await read('a')).toBe('good 1')
    expect(await readFile(join(local, 'applied'), 'utf8')).toBe('good 1')
    expect(await readFile(join(local, 'log'), 'utf8')).toBe('one\ngood 1\nbad\ngood 1\n')
    expect(await trees()).toHaveLength(1)
    // And it is tried again.
    await expect(pull()).rejects.toThrow(/reverted/)
    await app.commit({ a: 'good 2' })
    expect(await pull()).toBe('updated')
  })
})

describe('a signal', () => {
  it('undoes an update that has not been exchanged, and ends its hooks', async () => {
    const app = await createApp({ a: 'one' })
    const { pull, hook, read, trees, local } = await puller(`${app.dir}#main`)
    await pull()
    await app.commit({ a: 'two' })
    await hook('pre', 'wait', 'echo $$ > pid; touch begun; exec sleep 600')
    const stop = new AbortController()
    const pulling = pull(stop.signal)
    await expect.poll(() => isThere(join(local, 'begun')), SOON).toBe(true)
    stop.abort()
    await expect(pulling).rejects.toMatchObject({ code: 'cancelled' })
    expect(await read('a')).toBe('one')
    expect(await trees()).toHaveLength(1)
    const pid = Number(await readFile(join(local, 'pid'), 'utf8'))
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/)
  })

  it('lets an update that has been exchanged come to its end', async () => {
    const app = await createApp({ a: 'one' })
    const { pull, hook, read, local } = await puller(`${app.dir}#main`)
    await hook('post', 'wait', 'touch begun; while [ ! -e go ]; do sleep 0.02; done; touch ended')
    const stop = new AbortController()
    const pulling = pull(stop.signal)
    await expect.poll(() => isThere(join(local, 'begun')), SOON).toBe(true)
    stop.abort()
    await writeFile(join(local, 'go'), '')
    expect(await pulling).toBe('updated')
    expect(await isThere(join(local, 'ended'))).toBe(true)
    expect(await read('a')).toBe('one')
  })
})

describe('an update that was killed', () => {
  it('after its exchange is finished by the next one', async () => {
    const app = await createApp({ a: 'one' })
    const { pull, hook, local, said } = await puller(`${app.dir}#main`)
    await hook('post', 'note', 'echo "$(cat "$CURRENT_CONFIG/a")" >> log')
    await pull()
    await unsettle(local)
    expect(await pull()).toBe('unchanged')
    expect(said.join('\n')).toMatch(/finishing the update/)
    expect(await readFile(join(local, 'log'), 'utf8')).toBe('one\none\n')
  })

  it('after its exchange is taken back by the next one if its hooks say so', async () => {
    const app = await createApp({ a: 'one' })
    const { pull, hook, read, local } = await puller(`${app.dir}#main`)
    await pull()
    await app.commit({ a: 'two' })
    await pull()
    await unsettle(local)
    await hook('post', 'check', 'grep -q one "$CURRENT_CONFIG/a"')
    await expect(pull()).rejects.toThrow(/reverted/)
    expect(await read('a')).toBe('one')
  })

  it('in the middle leaves nothing that stays', async () => {
    const app = await createApp({ a: 'one' })
    const { pull, trees, local } = await puller(`${app.dir}#main`)
    await pull()
    const path = join(local, '.pull', 'trees')
    await mkdir(join(path, '.20260101_000000-abc.999999.0123456789ab'))
    await mkdir(join(path, '20260101_000000-whole'))
    await symlink('nowhere', join(path, '20260101_000000-link'))
    await app.commit({ a: 'two' })
    await pull()
    expect(await trees()).toHaveLength(2)
  })
})

/** As a process leaves it that is killed during the post hooks. */
async function unsettle(local: string): Promise<void> {
  const name = (await readlink(join(local, 'current'))).split('/').at(-1) ?? ''
  const record = join(local, '.pull', 'records', `${name}.json`)
  const known = JSON.parse(await readFile(record, 'utf8')) as object
  await writeFile(record, JSON.stringify({ ...known, settled: false }))
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
