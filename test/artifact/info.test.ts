import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { contentsOf, readInfo, verifyFiles, type ArtifactInfo } from '../../src/artifact/info.ts'
import { versionOf } from '../../src/artifact/version.ts'
import { temporaryDirectory } from '../support/context.ts'

/** An unpacked artifact, and what describes it. */
async function unpacked(): Promise<{ directory: string; info: ArtifactInfo }> {
  const directory = await temporaryDirectory()
  await mkdir(join(directory, 'data/app'), { recursive: true })
  await writeFile(join(directory, 'PACKAGE'), 'shop\n')
  await writeFile(join(directory, 'data/app/server.js'), 'listen()')
  await symlink('server.js', join(directory, 'data/app/main.js'))
  const info: ArtifactInfo = {
    name: 'shop',
    version: '1.2.0',
    platform: 'linux-x86_64',
    commit: 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00',
    message: 'a change',
    compat: 5,
    builders: {},
    ...(await contentsOf(directory)),
  }
  await writeFile(join(directory, 'info.json'), JSON.stringify(info))
  return { directory, info }
}

test('an artifact is described by the hash of each file and the target of each link', async () => {
  const { directory, info } = await unpacked()
  expect(info.files).toEqual({
    PACKAGE: '0f94d09be3a83267368f2c71408d7e0342f6c7be219409d1f729c405af82b733',
    'data/app/server.js': expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  })
  expect(info.links).toEqual({ 'data/app/main.js': 'server.js' })
  expect(await readInfo(directory)).toEqual(info)
  await verifyFiles(directory, info)
})

test.each([
  ['altered', 'data/app/server.js', (path: string) => writeFile(path, 'mine()')],
  ['added', 'data/app/more.js', (path: string) => writeFile(path, 'mine()')],
  ['missing', 'data/app/server.js', (path: string) => rm(path)],
  [
    'altered',
    'data/app/main.js',
    async (path: string) => {
      await rm(path)
      await symlink('/etc/passwd', path)
    },
  ],
])('a file that was %s is named: %s', async (how, path, change) => {
  const { directory, info } = await unpacked()
  await change(join(directory, path))
  await expect(verifyFiles(directory, info)).rejects.toMatchObject({
    message: `shop 1.2.0 is not what was built: ${path} ${how === 'added' || how === 'altered' ? 'was' : 'is'} ${how}`,
  })
})

test('an info.json of an app is not that of an artifact, and a damaged one says so', async () => {
  const { directory, info } = await unpacked()
  for (const text of [
    '{',
    '[]',
    '{}',
    JSON.stringify({ ...info, version: '../x' }),
    JSON.stringify({ ...info, files: { a: 1 } }),
  ]) {
    await writeFile(join(directory, 'info.json'), text)
    await expect(readInfo(directory)).rejects.toMatchObject({
      message: 'info.json does not describe an artifact',
    })
  }
  await rm(join(directory, 'PACKAGE'))
  expect(await readInfo(directory)).toBeUndefined()
})

test('a version is what was asked for, else the tag, else the time and id of the commit', () => {
  const commit = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00'
  const source = { commit, committed: new Date('2026-05-04T03:02:01Z'), tag: undefined }
  expect(versionOf('2.0', source)).toBe('2.0')
  expect(versionOf(undefined, { ...source, tag: 'v1.2.0' })).toBe('1.2.0')
  expect(versionOf(undefined, { ...source, tag: 'vanilla' })).toBe('vanilla')
  expect(versionOf(undefined, { ...source, tag: 'release/1.2' })).toBe('20260504_030201-c0ffee00c0f')
  expect(versionOf(undefined, source)).toBe('20260504_030201-c0ffee00c0f')
  for (const version of ['latest', 'x.meta', '../x', '', '-1', 'a b', '.hidden']) {
    expect(() => versionOf(version, source)).toThrow('cannot be a version')
  }
})
