import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readInfo } from '../../src/artifact/info.ts'
import { unpackArchive } from '../../src/artifact/unpack.ts'
import { openArtifacts } from '../../src/store/open.ts'
import { writeNote } from '../../src/releasing/note.ts'
import { planOf, release } from '../../src/releasing/release.ts'
import { silent } from '../../src/system/output.ts'
import { temporaryDirectory } from '../support/context.ts'
import { makeKey } from '../support/ssh.ts'
import { createProject } from './project.ts'

const never = new AbortController().signal

test('a release is tested, its version set, tagged, built, and put into the repository', async () => {
  const { app, ctx, request } = await createProject({
    'package.json':
      '{\n  "name": "shop",\n  "version": "1.0.0",\n  "scripts": {"test": "node check.js"}\n}\n',
    'check.js': 'require("fs").writeFileSync(process.env.HOME + "/tested", "")',
  })
  const former = (await app.git('rev-parse', 'HEAD')).stdout
  const { artifact } = await release(ctx, { ...request, version: '1.1.0' }, silent, never)
  expect(await readdir(ctx.paths.home)).toContain('tested')
  expect(await readFile(join(app.dir, 'package.json'), 'utf8')).toContain('"version": "1.1.0"')
  expect((await app.git('status', '--porcelain')).stdout).toBe('')
  expect((await app.git('log', '-2', '--format=%s')).stdout).toBe('Version 1.1.0\nfirst')
  expect((await app.git('rev-parse', 'HEAD~')).stdout).toBe(former)
  const head = (await app.git('rev-parse', 'HEAD')).stdout
  expect((await app.git('rev-parse', 'v1.1.0^{commit}')).stdout).toBe(head)
  expect((await app.git('cat-file', '-t', 'v1.1.0')).stdout).toBe('tag')
  expect(await readdir(join(app.dir, '.git'))).not.toContain('pypaas-release.json')
  const file = join(await temporaryDirectory(), 'artifact')
  const got = await (await openArtifacts(ctx)).get({ app: 'shop' }, file)
  expect(got).toMatchObject({
    version: '1.1.0',
    meta: { sha256: artifact.sha256, commit: head, tag: 'v1.1.0' },
  })
  const unpacked = join(await temporaryDirectory(), 'unpacked')
  await unpackArchive(file, unpacked)
  expect(await readInfo(unpacked)).toMatchObject({
    name: 'shop',
    version: '1.1.0',
    commit: head,
    tag: 'v1.1.0',
  })
})

test('--dry-run says what would be done and does nothing of it', async () => {
  const { ctx, request, state } = await createProject()
  const before = await state()
  const { plan, place } = await planOf(ctx, { ...request, version: '2.0.0' }, silent)
  expect(plan).toMatchObject({ version: '2.0.0', tag: 'v2.0.0', branch: 'main' })
  expect([...plan.edits.keys()]).toEqual(['package.json'])
  expect(place).toEqual({ kind: 'repository', address: undefined, target: 'master' })
  expect(await state()).toEqual(before)
})

test('a version that is set already needs no commit', async () => {
  const { app, ctx, request } = await createProject()
  const head = (await app.git('rev-parse', 'HEAD')).stdout
  await release(ctx, request, silent, never)
  expect((await app.git('rev-parse', 'HEAD', 'v1.0.0^{commit}')).stdout).toBe(`${head}\n${head}`)
})

test.each([
  ['the tests fail', { 'scripts/test.sh': { content: '#!/bin/sh\necho broken; exit 3\n', mode: 0o755 } }],
  ['the build fails', { 'scripts/build.sh': { content: '#!/bin/sh\necho broken; exit 3\n', mode: 0o755 } }],
])('when %s there is neither a tag nor a commit nor an artifact', async (_, files) => {
  const { ctx, request, state } = await createProject(files)
  const before = await state()
  await expect(release(ctx, { ...request, version: '1.1.0' }, silent, never)).rejects.toMatchObject({
    code: 'failed',
    output: expect.arrayContaining(['broken']) as unknown,
  })
  expect(await state()).toEqual(before)
})

test('when the artifact cannot be put, all is taken back, and what others have put stays', async () => {
  const { ctx, request, state, store } = await createProject()
  const file = join(await temporaryDirectory(), 'other')
  await writeFile(file, 'of somebody else')
  await (await openArtifacts(ctx)).put({ app: 'shop', version: '1.1.0' }, file, {})
  const before = await state()
  // Already when it is planned, and not after the tests and the build.
  await expect(planOf(ctx, { ...request, version: '1.1.0' }, silent)).rejects.toThrow(
    'shop 1.1.0 is there already',
  )
  await expect(release(ctx, { ...request, version: '1.1.0' }, silent, never)).rejects.toThrow(
    'shop 1.1.0 is there already',
  )
  expect(await state()).toEqual(before)
  // Its place taken by a file, `latest` of the next one cannot be written.
  const taken = join(store, 'shop/staging')
  await writeFile(taken, '')
  await expect(
    release(ctx, { ...request, version: '1.2.0', target: 'staging' }, silent, never),
  ).rejects.toThrow(/./)
  expect(await state()).toEqual(before)
})

test('a release that is cancelled leaves nothing', async () => {
  const { ctx, request, state } = await createProject({
    'scripts/build.sh': { content: '#!/bin/sh\necho begun\nexec sleep 600\n', mode: 0o755 },
  })
  const before = await state()
  const cancel = new AbortController()
  const output = { line: (line: string) => void (line === 'begun' && cancel.abort()) }
  await expect(release(ctx, { ...request, version: '1.1.0' }, output, cancel.signal)).rejects.toMatchObject({
    code: 'cancelled',
  })
  expect(await state()).toEqual(before)
})

test('a release that was killed after its artifact was put is left as it is by the next one', async () => {
  const { app, ctx, request, state } = await createProject()
  const done = await release(ctx, { ...request, version: '1.1.0' }, silent, never)
  const before = await state()
  const { branch, head: from, tag } = done.plan
  const to = (await app.git('rev-parse', 'HEAD')).stdout
  const scratch = await temporaryDirectory()
  const note = { version: '1.1.0', tag, branch, from, to, scratch }
  await writeNote(done.copy, { ...note, publishing: done.published })
  const said: string[] = []
  await planOf(ctx, { ...request, version: '1.2.0' }, { line: (line) => said.push(line) })
  expect(said).toEqual(['the release of 1.1.0, which was cut short, had been completed'])
  expect(existsSync(scratch)).toBe(false)
  expect(await state()).toEqual(before)
})

test('a release that was killed before its artifact was whole is taken back as a whole', async () => {
  const { app, ctx, request, state } = await createProject()
  const before = await state()
  const done = await release(ctx, { ...request, version: '1.1.0' }, silent, never)
  const { branch, head: from, tag } = done.plan
  const to = (await app.git('rev-parse', 'HEAD')).stdout
  await (await openArtifacts(ctx)).delete({ app: 'shop', version: '1.1.0' })
  const scratch = await temporaryDirectory()
  const note = { version: '1.1.0', tag, branch, from, to, scratch }
  await writeNote(done.copy, { ...note, publishing: done.published })
  await planOf(ctx, { ...request, version: '1.2.0' }, silent)
  expect(await state()).toEqual(before)
})

test('where signatures are asked for, a release is signed by one who may, or is none', async () => {
  const { app, ctx, request, state } = await createProject({
    'scripts/test.sh': 'touch "$HOME/tested"\n',
  })
  const keys = await temporaryDirectory()
  const { file: sign, line } = await makeKey(keys, 'alice')
  const mallory = await makeKey(keys, 'mallory')
  const allowedSigners = join(keys, 'allowed')
  await writeFile(allowedSigners, `alice ${line}\n`)
  const { artifacts } = ctx.config.main
  if (artifacts === undefined) throw new Error('the project has a repository of artifacts')
  const main = { ...ctx.config.main, artifacts: { ...artifacts, allowedSigners } }
  const strict = { ...ctx, config: { ...ctx.config, main } }
  const before = await state()
  const releases = (wish: object): Promise<unknown> =>
    release(strict, { ...request, version: '1.1.0', ...wish }, silent, never)
  await expect(releases({})).rejects.toMatchObject({
    code: 'usage',
    message: 'the release would not be signed, and only signed ones are taken',
  })
  await expect(releases({ sign: join(keys, 'nobody') })).rejects.toMatchObject({
    code: 'usage',
    message: `there is no key ${join(keys, 'nobody')}`,
  })
  // All that is seen before anything is run.
  expect(await readdir(ctx.paths.home)).not.toContain('tested')
  await expect(releases({ sign: mallory.file })).rejects.toMatchObject({ code: 'denied' })
  expect(await readdir(ctx.paths.home)).toContain('tested')
  expect(await state()).toEqual(before)
  expect((await app.git('tag')).stdout).toBe('')
  await releases({ sign })
  await release(ctx, { ...request, version: '1.2.0' }, silent, never)
  const get = async (version: string): Promise<unknown> =>
    (await openArtifacts(strict)).get({ app: 'shop', version }, join(keys, version))
  expect(await get('1.1.0')).toMatchObject({ signedBy: 'alice' })
  await expect(get('1.2.0')).rejects.toMatchObject({ code: 'denied' })
})
