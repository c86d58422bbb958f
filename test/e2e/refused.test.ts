/** What pypaas does not take: refused before any work, with what to do instead. */
import { randomBytes } from 'node:crypto'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/context.ts'
import { PYPAAS, run } from '../support/host.ts'
import { tracesOf } from '../support/traces.ts'
import { answering, DOMAIN, liveSite, repoWith } from '../support/web.ts'

test('over SSH, too, a host without a configuration says so', async () => {
  const home = await temporaryDirectory()
  for (const command of ["git-receive-pack 'web'", 'rebuild web main', 'status']) {
    const { status, stdout, stderr } = await run(process.execPath, [PYPAAS, '--home', home, 'ssh', 'alice'], {
      SSH_ORIGINAL_COMMAND: command,
    })
    expect(stderr).toMatch(
      new RegExp(
        `^pypaas: there is no configuration: no pypaas.yml in ${home}/config or /etc/pypaas\\n {8}copy config.example/`,
      ),
    )
    expect({ status, stdout }, command).toEqual({ status: 2, stdout: '' })
  }
})

test('tags, other refs, branches that are not configured and deletion are refused', async () => {
  const { host, app } = await liveSite()
  await host.configure('repos/web.yml', repoWith({}, {}, ['main', 'next']))
  const before = await tracesOf(host)
  const deploys = await readdir(host.paths.deploys({ repo: 'web', branch: 'main' }))
  const refs = (await app.git('ls-remote', host.url('web'))).stdout
  await app.git('tag', 'v1')
  for (const [what, ...words] of [
    ['v1', 'the tag v1 is not taken: only branches are deployed', 'push a branch: main, next'],
    ['HEAD:refs/notes/x', 'refs/notes/x is not taken: only branches are deployed'],
    [
      'HEAD:topic',
      'the branch topic of web is not configured; configured: main, next',
      'push to a configured branch (git push <remote> topic:main), or add topic to repos/web.yml on the host',
    ],
    [
      ':main',
      'the branch main is configured and cannot be deleted by a push',
      'remove it from repos/web.yml on the host, then run `pypaas cleanup` there',
    ],
  ] as const) {
    const { status, stderr } = await app.git('push', host.url('web'), what)
    expect(status, what).not.toBe(0)
    for (const text of words) expect(stderr).toContain(` !     ${text}`)
    expect(stderr).toMatch(/! \[remote rejected\] .*\(hook declined\)/)
  }
  expect(await tracesOf(host)).toEqual(before)
  expect(await readdir(host.paths.deploys({ repo: 'web', branch: 'main' }))).toEqual(deploys)
  expect((await app.git('ls-remote', host.url('web'))).stdout).toBe(refs)
  expect(await host.stop()).toEqual([])
})

test('the name of a repo leads to a configured repo or nowhere', async () => {
  const { host, app } = await liveSite()
  const unknown = await app.git('push', host.url('webs'), 'main')
  expect(unknown.stderr).toContain('pypaas: there is no repo "webs"\n        did you mean web?')
  expect(unknown.status).not.toBe(0)
  for (const path of ['../../etc', '/etc', '~root/x', 'web/../../x', '.', "web' /etc '", 'a/b']) {
    const { status, stdout, stderr } = await host.ssh(`git-receive-pack ${quoted(path)}`)
    expect([2, 3], path).toContain(status)
    expect(stdout).toBe('')
    expect(stderr, path).toMatch(/^pypaas: .*\n {8}.*$/)
  }
  for (const path of ['web', 'web.git', '~/web', '~/web.git']) {
    const { status } = await app.git('ls-remote', host.url(path))
    expect(status, path).toBe(0)
  }
  expect((await readdir(host.paths.repos)).toSorted()).toEqual(['web'])
  expect(await host.stop()).toEqual([])
})

test('each branch of one push has a result of its own', async () => {
  const { host, app } = await liveSite()
  await host.configure('repos/web.yml', repoWith({}, {}, ['main', 'next']))
  const first = (await app.git('rev-parse', 'HEAD')).stdout
  await app.git('checkout', '-q', '-b', 'next')
  const next = await app.commit({ 'server.mjs': answering('next') })
  await app.git('checkout', '-q', 'main')
  await app.commit({ 'server.mjs': 'process.exit(1)' })
  const { status, stderr } = await app.git('push', host.url('web'), 'main', 'next', 'HEAD:topic')
  expect(status).not.toBe(0)
  expect(stderr).toMatch(/! \[remote rejected\] main -> main/)
  expect(stderr).toMatch(/\* \[new branch\] +next -> next/)
  expect(stderr).toMatch(/! \[remote rejected\] HEAD -> topic/)
  const refs = (await app.git('ls-remote', '--heads', host.url('web'))).stdout.split('\n')
  expect(refs).toEqual([`${first}\trefs/heads/main`, `${next}\trefs/heads/next`])
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
  expect(JSON.parse((await host.pypaas('list', '--json')).stdout)).toMatchObject([
    { repo: 'web', branch: 'main' },
    { repo: 'web', branch: 'next' },
  ])
  expect(await host.stop()).toEqual([])
})

test('an app is cloned, also shallowly, fetched, and its history is replaced by force', async () => {
  const { host, app, push } = await liveSite()
  const url = host.url('web')
  const clone = join(await temporaryDirectory(), 'clone')
  expect((await app.git('clone', '-q', '--depth', '1', url, clone)).status).toBe(0)
  await writeFile(join(clone, 'server.mjs'), answering('two'))
  expect((await app.git('-C', clone, 'commit', '-q', '-a', '-m', 'from a shallow clone')).status).toBe(0)
  const pushed = await app.git('-C', clone, 'push', 'origin', 'main')
  expect(pushed.stderr).toContain('Live at')
  expect(pushed.status).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })

  expect((await app.git('fetch', '-q', url, 'main')).status).toBe(0)
  expect((await app.git('log', '-1', '--format=%s', 'FETCH_HEAD')).stdout).toBe('from a shallow clone')

  await app.commit({ 'server.mjs': answering('three') })
  const late = await app.git('push', url, 'main')
  expect(late.stderr).toContain('[rejected]')
  expect((await push()).status).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'three' })
  expect(await host.stop()).toEqual([])
})

test('a push that is too large, or holds a broken object, is refused', async () => {
  const { host, app } = await liveSite({ main: { git: { max_push: '200KiB' } } })
  const before = await tracesOf(host)
  const head = (await app.git('rev-parse', 'HEAD')).stdout
  await app.commit({ 'large.txt': randomBytes(200_000).toString('hex') })
  const large = await app.git('push', host.url('web'), 'main')
  expect(large.stderr).toContain('pack exceeds maximum allowed size')
  const limit = 'pypaas: a push to this host may have 200 KiB, and this one has more'
  const hint = 'push less at once, or raise `git: {max_push: …}` in pypaas.yml on the host'
  expect(large.stderr).toContain(limit)
  expect(large.stderr).toContain(hint)
  expect(large.status).not.toBe(0)
  await app.git('reset', '-q', '--hard', head)

  // A tree with an entry called `.git`, which no git of today would write.
  const blob = Buffer.from((await app.git('rev-parse', 'HEAD:server.mjs')).stdout, 'hex')
  await writeFile(join(app.dir, '.git', 'bad'), Buffer.concat([Buffer.from('100644 .git\0'), blob]))
  const tree = (await app.git('hash-object', '-t', 'tree', '-w', '--literally', '.git/bad')).stdout
  const commit = (await app.git('commit-tree', '-p', 'HEAD', '-m', 'bad', tree)).stdout
  const broken = await app.git('push', host.url('web'), `${commit}:main`)
  expect(broken.stderr).toContain("hasDotgit: contains '.git'")
  expect(broken.status).not.toBe(0)
  expect(await tracesOf(host)).toEqual(before)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
  expect(await host.stop()).toEqual([])
})

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
