/** `kill -9` in the middle of `deploy <app>`: `live` always names a whole version, and the next deploy goes on. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packTree } from '../../src/artifact/pack.ts'
import { listRecords } from '../../src/deploy/journal.ts'
import { artifactsOf, type Artifacts } from '../../src/store/artifacts.ts'
import { directoryStore } from '../../src/store/directory.ts'
import { script, writeFiles } from '../build/support.ts'
import { domainWith } from '../support/apps.ts'
import { temporaryDirectory } from '../support/context.ts'
import { createHost, leftovers, PYPAAS, run, type Host } from '../support/host.ts'
import { answering, DOMAIN, repoWith, SOON } from '../support/web.ts'
import { faulty, killPoints, MAIN, type Fault } from './site.ts'

type Files = Parameters<typeof writeFiles>[1]

async function publishing(): Promise<{
  host: Host
  artifacts: Artifacts
  put: (target: string, version: string, files: Files) => Promise<void>
  killed: (fault: Fault, ...args: string[]) => Promise<number>
}> {
  const store = await temporaryDirectory()
  const host = await createHost({ artifacts: { store }, disk: { min_free: '1KiB' }, drain_timeout: 5 })
  const artifacts = artifactsOf(await directoryStore(store))
  return {
    host,
    artifacts,
    async put(target, version, files) {
      const directory = await temporaryDirectory()
      await writeFiles(join(directory, 'files'), files)
      const archive = join(directory, 'made.tar.gz')
      await packTree(join(directory, 'files'), archive, 'tar.gz')
      await artifacts.put({ app: 'web', target, version }, archive, {})
    },
    async killed(fault, ...args) {
      const argv = [PYPAAS, '--home', host.home, 'deploy', 'web', ...args]
      return (await run(process.execPath, argv, faulty({ command: 'deploy', ...fault }))).status
    },
  }
}

/** Files that show whether all of them are there, and an app that notes what it is told. */
function wholeFiles(version: string): Files {
  return {
    page: version,
    last: version,
    'deploy/hooks/prepare': script('#!/bin/sh\necho $PYPAAS_VERSION > prepared\n'),
    'deploy/hooks/deployed': script('#!/bin/sh\necho $PYPAAS_VERSION >> "$PYPAAS_ROOT/told"\n'),
  }
}

test('files: wherever it is killed, `live` is whole, and the next deploy ends what was begun', async () => {
  const { host, put, killed } = await publishing()
  const places = host.paths.app({ app: 'web', target: 'master' })
  await put('master', '0', wholeFiles('0'))
  const counted = join(await temporaryDirectory(), 'count')
  const from = 'versions/unpack'
  await killed({ from, count: counted })
  const total = Number(await readFile(counted, 'utf8'))
  expect(total).toBeGreaterThan(15)

  let live = '0'
  const calls = Array.from({ length: 14 }, (_, at) => 1 + Math.floor((at * total) / 14))
  for (const [at, call] of calls.entries()) {
    const version = String(at + 1)
    await put('master', version, wholeFiles(version))
    const status = await killed({ from, call })
    const seen = await Promise.all(
      ['page', 'last', 'prepared'].map((name) => readFile(join(places.live, name), 'utf8')),
    )
    expect([live, version], `call ${call}`).toContain(seen[0])
    expect(new Set(seen.map((text) => text.trim())).size, `call ${call}`).toBe(1)
    // It was killed, or was done before that call.
    expect(status !== 0 || seen[0] === version, `call ${call}`).toBe(true)

    const next = await host.pypaas('deploy', 'web')
    expect(next, `call ${call}: ${next.stderr}`).toMatchObject({ status: 0, stderr: '' })
    expect(await readFile(join(places.live, 'page'), 'utf8')).toBe(version)
    // Each was told that it is live, once at least, and the last of all is the live one.
    expect((await readFile(join(places.root, 'told'), 'utf8')).trim().split('\n').at(-1)).toBe(version)
    live = version
  }
  // Nothing half done is left: a version is whole by its record.
  const versions = await readdir(places.versions)
  expect(versions.map((name) => `${name}.json`).toSorted()).toEqual(
    (await readdir(places.records)).toSorted(),
  )
  expect((await readdir(places.root)).toSorted()).toEqual(['live', 'records', 'told', 'versions'])
}, 120_000)

test('a hook that a killed deploy has left running is ended by the next', async () => {
  const { host, put, killed } = await publishing()
  const places = host.paths.app({ app: 'web', target: 'master' })
  await put('master', '1', {
    page: 'one',
    'deploy/hooks/prepare': script('#!/bin/sh\nsleep 1000 &\nkill -9 $PPID\nsleep 1000\n'),
  })
  expect(await killed({ call: 1_000_000 })).not.toBe(0)
  const sleeping = async (): Promise<string[]> =>
    (await leftovers(host.home)).filter((line) => line.endsWith('sleep 1000'))
  expect(await sleeping()).not.toEqual([])
  await put('master', '2', { page: 'two' })
  expect((await host.pypaas('deploy', 'web')).status).toBe(0)
  await expect.poll(sleeping, SOON).toEqual([])
  expect(await readdir(places.versions)).toEqual(['2'])
})

test('runners: wherever it is killed, the old or the new version answers, and the next deploy goes on', async () => {
  const { host, put, killed } = await publishing()
  await host.configure('repos/web.yml', repoWith())
  await host.configure(`domains/${DOMAIN}.yml`, domainWith('web'))
  await host.serve()
  const told = join(host.paths.app({ app: 'web', target: 'main' }).root, 'told')
  const files = (version: string): Files => ({
    'server.mjs': answering(version),
    'deploy/hooks/deployed': script(`#!/bin/sh\necho $PYPAAS_VERSION >> '${told}'\n`),
  })
  await put('main', 'first', files('first'))
  expect((await host.pypaas('deploy', 'web', '--target', 'main')).status).toBe(0)
  const points = (await killPoints(host)).filter(({ when, live }) => when === 'after' || live)
  expect(points.map(({ note }) => note)).toContain('begin checkout')
  let former = 'first'
  for (const [number, { note, when, live }] of points.entries()) {
    const version = `v${number}`
    const at = `${when} ${note}`
    await put('main', version, files(version))
    const status = await killed({ note, when }, '--target', 'main', '--version', version)
    expect(status, at).not.toBe(0)
    expect([former, version], at).toContain((await host.get(DOMAIN)).body)
    expect((await host.pypaas('list')).status, at).toBe(0)
    expect((await host.get(DOMAIN)).body, at).toBe(live ? version : former)
    const next = await host.pypaas('deploy', 'web', '--target', 'main', '--version', version)
    expect(next, `${at}: ${next.stderr}`).toMatchObject({ status: 0 })
    expect((await host.get(DOMAIN)).body, at).toBe(version)
    expect((await readFile(told, 'utf8')).trim().split('\n').at(-1), at).toBe(version)
    former = version
  }
  expect((await listRecords(host.paths, MAIN)).at(-1)).toMatchObject({ kind: 'install', result: 'succeeded' })
  expect(await host.stop()).toEqual([])
}, 240_000)
