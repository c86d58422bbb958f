import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { basename, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { buildArtifact } from '../../src/artifact/build.ts'
import { unpackArchive } from '../../src/artifact/unpack.ts'
import { release } from '../../src/releasing/release.ts'
import { silent } from '../../src/system/output.ts'
import { createApp, type Result } from '../support/app.ts'
import { temporaryDirectory } from '../support/context.ts'
import { createHost, PYPAAS } from '../support/host.ts'
import { openSshOf } from '../support/openssh.ts'
import { safeDirectory } from '../support/ssh.ts'
import { addSubmodule, serveOverGit } from '../support/submodules.ts'
import { createProject, type Project } from './project.ts'

const SOON = { timeout: 30_000 }
const never = new AbortController().signal

interface Running {
  readonly ended: Promise<Result>
  kill(): void
}

/** The command, in the working copy. */
function start({ app, ctx, request }: Project, ...args: string[]): Running {
  const argv = [PYPAAS, '--home', ctx.paths.home, 'release', ...args]
  const child = spawn(process.execPath, argv, {
    cwd: app.dir,
    env: request.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = once(child, 'close').then(([status]) => ({
    status: (status as number | null) ?? 255,
    stdout,
    stderr,
  }))
  const kill = (): void => void child.kill('SIGKILL')
  onTestFinished(async () => {
    kill()
    await ended
  })
  return { ended, kill }
}

test('the command says what it does, what has come of it, and what the servers do next', async () => {
  const project = await createProject()
  const shared = await temporaryDirectory()
  const planned = await start(project, '1.1.0', '--to', shared, '--dry-run').ended
  expect(planned).toMatchObject({ status: 0, stderr: '' })
  expect(planned.stdout.split('\n')).toEqual([
    'version  1.1.0',
    'test     nothing: this project has no tests that could be found',
    'commit   package.json, on main',
    'tag      v1.1.0',
    'build    here',
    `put      into ${shared}`,
    'nothing has been changed (--dry-run)',
    '',
  ])
  expect(await readdir(shared)).toEqual([])
  const done = await start(project, '1.1.0', '--to', shared).ended
  expect(done, done.stderr).toMatchObject({ status: 0 })
  const [file = '', ...more] = await readdir(shared)
  expect(more).toEqual([])
  expect(file).toMatch(/^shop-1\.1\.0-.*\.tar\.gz$/)
  expect(done.stdout).toMatch(/^shop 1\.1\.0 is released: v1\.1\.0 on main \([0-9a-f]{11}\)\n/)
  expect(done.stdout).toContain(`on each server: unpack ${join(shared, file)}, then`)
  expect((await start(project, '1.2.0').ended).stderr).toContain('there is no place for the artifact')
  await writeFile(join(project.app.dir, 'forgotten'), '')
  const dirty = await start(project, '1.2.0', '--to', shared).ended
  expect(dirty).toMatchObject({ status: 1 })
  expect(dirty.stderr).toContain('?? forgotten')
})

test('of a version that is not the newest, it says that nobody takes it by themselves', async () => {
  const project = await createProject()
  const next = async (version: string): Promise<string> => {
    const { stdout, stderr } = await start(project, version, '--store', project.store).ended
    return stdout.split('next:\n')[1] ?? stderr
  }
  expect(await next('2.0.0')).toBe(
    '    on each server: pypaas deploy shop\n    hosts that pull artifact:shop/master take it by themselves\n',
  )
  expect(await next('1.9.0')).toBe(
    '    on each server that is to have it: pypaas deploy shop --version 1.9.0\n' +
      '    hosts that pull artifact:shop/master do not take it: 2.0.0 is newer\n',
  )
})

test('one release is at work at a time, and what a killed one has left is undone by the next', async () => {
  const project = await createProject({
    'scripts/build.sh': {
      content:
        '#!/bin/sh\n[ -e "$HOME/go" ] && exit 0\ntouch "$HOME/begun"\nwhile kill -0 $PPID; do sleep 0.1; done\n',
      mode: 0o755,
    },
  })
  const { app, ctx, store } = project
  const before = await project.state()
  const killed = start(project, '1.1.0', '--store', store)
  await expect.poll(() => existsSync(join(ctx.paths.home, 'begun')), SOON).toBe(true)
  expect(await start(project, '1.2.0', '--store', store).ended).toMatchObject({ status: 4 })
  killed.kill()
  await killed.ended
  expect((await app.git('tag')).stdout).toBe('v1.1.0')
  const noted = await readFile(join(app.dir, '.git/pypaas-release.json'), 'utf8')
  const { scratch } = JSON.parse(noted) as { scratch: string }
  expect(existsSync(scratch)).toBe(true)
  await writeFile(join(ctx.paths.home, 'go'), '')
  const planned = await start(project, '1.2.0', '--store', store, '--dry-run').ended
  expect(planned.stderr).toBe('undone: the release of 1.1.0, which was cut short\n')
  expect(existsSync(scratch)).toBe(false)
  expect(await project.state()).toEqual(before)
  const next = await start(project, '1.2.0', '--store', store).ended
  expect(next, next.stderr).toMatchObject({ status: 0 })
  expect(await project.state()).toMatchObject({ versions: [{ version: '1.2.0', latest: true }] })
})

test('a build server builds the same bytes of the same commit, over SSH', async () => {
  const server = await createHost({}, await safeDirectory())
  const ssh = await openSshOf(server)
  const project = await createProject({
    '.gitattributes': 'notes export-ignore\n*.txt text eol=crlf\n',
    notes: 'kept, as in a build here\n',
    'lines.txt': 'one\ntwo\n',
    'bin/tool': { content: '#!/bin/sh\n', mode: 0o755 },
  })
  const { ctx, app } = project
  const remote = `${userInfo().username}@127.0.0.1`
  const request = {
    ...project.request,
    env: { ...project.request.env, ...ssh.env },
    remote,
    version: '1.1.0',
  }
  const { artifact } = await release(ctx, request, silent, never)
  const here = { source: app.dir, rev: 'v1.1.0', version: '1.1.0', format: 'tar.gz', download: true } as const
  const output = await temporaryDirectory()
  const local = await buildArtifact(ctx, { ...here, output, cwd: app.dir }, silent, never)
  expect({ ...artifact.info, branch: '' }).toEqual({ ...local.info, branch: '' })
  expect(artifact.sha256).toBe(local.sha256)
  expect(await project.state()).toMatchObject({ versions: [{ version: '1.1.0' }] })

  await app.commit({ 'scripts/build.sh': { content: '#!/bin/sh\necho broken; exit 3\n', mode: 0o755 } })
  const before = await project.state()
  await expect(release(ctx, { ...request, version: '1.2.0' }, silent, never)).rejects.toMatchObject({
    message: `the build on ${remote} failed`,
    output: expect.arrayContaining([expect.stringContaining('broken')]) as unknown,
  })
  for (const host of ['-oProxyCommand=touch x', 'a b', '']) {
    await expect(release(ctx, { ...request, version: '1.2.0', remote: host }, silent, never)).rejects.toThrow(
      'is no host',
    )
  }
  expect(await project.state()).toEqual(before)
})

test('a build server builds a project with its submodules, theirs too, as a build here does', async () => {
  const server = await createHost({}, await safeDirectory())
  const ssh = await openSshOf(server)
  const inner = await createApp({ 'inner.txt': 'inner one\n' })
  const base = await serveOverGit(inner)
  const outer = await createApp({ 'outer.txt': 'outer one\n' })
  await addSubmodule(outer, `${base}/${basename(inner.dir)}`, 'inner')
  const project = await createProject({ 'scripts/build.sh': 'cat vendor/outer/inner/inner.txt >built\n' })
  const { ctx, app } = project
  await addSubmodule(app, `${base}/${basename(outer.dir)}`, 'vendor/outer')
  // What is released is what the commit says, not what the submodule has come to since.
  await outer.commit({ 'outer.txt': 'outer two\n' })
  const remote = `${userInfo().username}@127.0.0.1`
  const env = { ...project.request.env, ...ssh.env }
  const request = { ...project.request, env, remote, version: '1.1.0' }
  const { artifact } = await release(ctx, request, silent, never)
  const here = { source: app.dir, rev: 'v1.1.0', version: '1.1.0', format: 'tar.gz', download: true } as const
  const output = await temporaryDirectory()
  const local = await buildArtifact(ctx, { ...here, output, cwd: app.dir }, silent, never)
  expect(Object.keys(local.info.files).toSorted()).toEqual(Object.keys(artifact.info.files).toSorted())
  expect(artifact.sha256).toBe(local.sha256)

  const unpacked = await temporaryDirectory()
  await unpackArchive(local.path, unpacked)
  const files = await readdir(unpacked, { recursive: true })
  const read = async (name: string): Promise<string> =>
    readFile(join(unpacked, files.find((file) => file.endsWith(name)) ?? ''), 'utf8')
  expect(await read('vendor/outer/outer.txt')).toBe('outer one\n')
  expect(await read('vendor/outer/inner/inner.txt')).toBe('inner one\n')
  expect(await read('/built')).toBe('inner one\n')
  expect(files.filter((file) => basename(file) === '.git')).toEqual([])
})
