import { access, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { headIn } from '../../src/pull/git-remote.ts'
import { createApp } from '../support/app.ts'
import { temporaryDirectory } from '../support/context.ts'
import { startFileServer } from '../support/file-server.ts'
import { puller } from '../support/pull.ts'
import { gitSshCommand, makeKey, startSshd } from '../support/ssh.ts'

describe('a git repository', () => {
  it('is pulled over SSH, without .git, and fetched from after the first time', async () => {
    const app = await createApp({ 'a.txt': 'one', 'conf/b.txt': 'two' })
    const { env, address } = await overSsh(app.dir)
    const { ctx, pull, read, local, settings } = await puller(`${address}#main`)
    await writeFile(join(ctx.paths.home, '.gitconfig'), `[core]\nsshCommand = ${env}\n`)
    expect(await pull()).toBe('updated')
    expect(await read('a.txt')).toBe('one')
    await expect(access(join(local, 'current', '.git'))).rejects.toThrow(/ENOENT/)
    expect(await pull()).toBe('unchanged')
    await app.commit({ 'a.txt': 'three' })
    const repositories = await readdir(settings.cache)
    // What a power cut leaves of git setting the ref.
    await writeFile(join(settings.cache, repositories[0] ?? '', 'refs/heads/pulled.lock'), '')
    expect(await pull()).toBe('updated')
    expect(await read('a.txt')).toBe('three')
    expect(await readdir(settings.cache)).toEqual(repositories)
  })

  it('may be a part of one: commits that do not touch it bring nothing new', async () => {
    const app = await createApp({ 'a.txt': 'one', 'conf/live/b.txt': 'two' })
    const bare = await bareOf(app.dir)
    const { pull, read, current } = await puller(`${bare}/conf/live#main`)
    expect(await pull()).toBe('updated')
    expect(await read('b.txt')).toBe('two')
    await expect(read('a.txt')).rejects.toThrow(/ENOENT/)
    const tree = await current()
    await app.commit({ 'a.txt': 'other' })
    await app.git('push', '-q', bare, 'main')
    expect(await pull()).toBe('unchanged')
    expect(await pull()).toBe('unchanged')
    expect(await current()).toBe(tree)
    await app.commit({ 'conf/live/b.txt': 'three' })
    await app.git('push', '-q', bare, 'main')
    expect(await pull()).toBe('updated')
    expect(await read('b.txt')).toBe('three')
  })

  it('is followed where its history was rewritten', async () => {
    const app = await createApp({ a: 'one' })
    const { pull, read } = await puller(`${app.dir}#main`)
    await app.commit({ a: 'two' })
    await pull()
    await app.git('reset', '-q', '--hard', 'HEAD~1')
    await app.commit({ a: 'other' })
    expect(await pull()).toBe('updated')
    expect(await read('a')).toBe('other')
  })

  it('is pulled from master, else from where its HEAD points', async () => {
    const app = await createApp({ a: 'main' })
    const { pull, read } = await puller(app.dir)
    expect(await pull()).toBe('updated')
    expect(await read('a')).toBe('main')
    await app.git('checkout', '-q', '-b', 'master')
    await app.commit({ a: 'master' })
    await app.git('checkout', '-q', 'main')
    expect(await pull()).toBe('updated')
    expect(await read('a')).toBe('master')
  })

  it('without the branch or the directory that is meant is said to be so', async () => {
    const app = await createApp({ a: 'main', 'b/c': 'x' })
    await expect((await puller(`${app.dir}#other`)).pull()).rejects.toThrow(/has no branch other/)
    const bare = await bareOf(app.dir)
    await expect((await puller(`${bare}/nowhere#main`)).pull()).rejects.toThrow(/no directory nowhere/)
    await expect((await puller(`${bare}/a#main`)).pull()).rejects.toThrow(/no directory a/)
    await expect((await puller(`${bare}/b#main`)).pull()).resolves.toBe('updated')
    const none = await puller(join(app.dir, 'nothing.git'))
    await expect(none.pull()).rejects.toThrow(/no repository that we may read/)
  })

  it('is pulled over HTTP with the credentials of the URL, which nobody sees', async () => {
    const server = await startFileServer()
    const app = await createApp({ a: 'one' })
    const bare = join(server.root, 'private', 'app.git')
    await app.git('clone', '-q', '--bare', app.dir, bare)
    await app.git('--git-dir', bare, 'update-server-info')
    const remote = `git+${server.url}/private/app.git#main`
    const allowed = await puller(remote.replace('//', '//bob:s3cret@'))
    expect(await allowed.pull()).toBe('updated')
    expect(await allowed.read('a')).toBe('one')
    const left = [...(await filesBelow(allowed.local)), ...(await filesBelow(allowed.settings.cache))]
    for (const file of left) expect(await readFile(file, 'latin1').catch(() => '')).not.toContain('s3cret')
    expect(allowed.said.join('\n')).not.toContain('s3cret')
    const wrong = await puller(remote.replace('//', '//bob:wr0ng@'))
    const error: unknown = await wrong.pull().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ message: expect.stringContaining('does not let us in') as string })
    expect(JSON.stringify([error, (error as Error).message, (error as Error).cause])).not.toContain('wr0ng')
  })

  it('whose host key is not known is not trusted', async () => {
    const app = await createApp({ a: 'one' })
    const { address } = await overSsh(app.dir)
    const { ctx, pull } = await puller(`${address}#main`)
    const strict = 'ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/dev/null'
    await writeFile(join(ctx.paths.home, '.gitconfig'), `[core]\nsshCommand = ${strict}\n`)
    await expect(pull()).rejects.toMatchObject({
      message: expect.stringContaining('its host key is not known') as string,
      hint: expect.stringContaining('known_hosts') as string,
    })
  })
})

describe('the answer of ls-remote', () => {
  const a = 'a'.repeat(40)
  const b = 'b'.repeat(40)

  it('has the branch that is meant', () => {
    expect(headIn(`ref: refs/heads/main\tHEAD\n${a}\tHEAD\n${b}\trefs/heads/next`, 'next')).toEqual({
      ref: 'refs/heads/next',
      commit: b,
    })
  })

  it('has what HEAD points at where there is no master and none is meant', () => {
    expect(headIn(`ref: refs/heads/main\tHEAD\n${a}\tHEAD`, undefined)).toEqual({
      ref: 'refs/heads/main',
      commit: a,
    })
    expect(headIn(`${a}\tHEAD\n${b}\trefs/heads/master`, undefined)).toMatchObject({ commit: b })
    expect(headIn(`${a}\tHEAD`, 'next')).toBeUndefined()
    expect(headIn('', undefined)).toBeUndefined()
  })
})

/** Another repository, whose name ends in `.git`. */
async function bareOf(dir: string): Promise<string> {
  const bare = join(await temporaryDirectory(), 'app.git')
  const other = await createApp({})
  await other.git('clone', '-q', '--bare', dir, bare)
  return bare
}

/** A sshd before a repository on this machine. */
async function overSsh(dir: string): Promise<{ env: string; address: string }> {
  const own = await temporaryDirectory()
  const key = await makeKey(own, 'puller')
  const authorizedKeys = join(own, 'authorized_keys')
  await writeFile(authorizedKeys, `${key.line}\n`)
  const sshd = await startSshd({ dir: own, authorizedKeys })
  return {
    env: gitSshCommand(key, sshd.port, join(own, 'known_hosts')),
    address: `git+ssh://${sshd.user}@127.0.0.1:${sshd.port}${dir}`,
  }
}

async function filesBelow(dir: string): Promise<string[]> {
  return (await readdir(dir, { recursive: true })).map((name) => join(dir, name))
}
