import { execFile } from 'node:child_process'
import { lstat, mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { writeInstallScript, installArtifact } from '../../src/artifact/install-script.ts'
import { platform } from '../../src/artifact/assemble.ts'
import type { Context } from '../../src/context.ts'
import { silent } from '../../src/system/output.ts'
import { createApp } from '../support/app.ts'
import { temporaryDirectory, testContext } from '../support/context.ts'
import { run as outcome } from '../support/host.ts'
import { recorded, writeFiles } from '../build/support.ts'
import { backend, build, packages, unpacked } from './support.ts'

const run = promisify(execFile)
/** Milliseconds. Virtual environments with pip are made, each some seconds of work. */
const SLOW = 180_000

/** An unpacked artifact without Python. */
async function plain(): Promise<string> {
  const directory = await temporaryDirectory()
  await writeFiles(directory, {
    PACKAGE: 'shop\n',
    VERSION: '1.2.0\n',
    PLATFORM: `${platform()}\n`,
    'data/app/server.js': 'listen()',
    'data/app/bin/run': { text: '#!/bin/sh\n', mode: 0o755 },
  })
  await writeInstallScript(directory)
  return directory
}

/** Python's packages come from this directory only. */
async function pythonContext(links: string): Promise<Context> {
  const ctx = await testContext()
  return { ...ctx, baseEnv: { ...ctx.baseEnv, PIP_NO_INDEX: '1', PIP_FIND_LINKS: links } }
}

test(
  'a Python app is installed with its packages, without network, pip and pypaas',
  async () => {
    const links = await packages()
    const ctx = await pythonContext(links)
    const app = await createApp({
      'requirements.txt': 'greet==1.0\nsources\n',
      'pyproject.toml':
        '[project]\nname = "shop"\n[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
      'shop.py': 'import greet, sources\n',
      'backend.py': backend('shop'),
      'scripts/test.sh': 'greet-cli; "$VIRTUAL_ENV/bin/python" -c "import shop"\n',
    })
    const built = await build(ctx, app.dir)
    expect(built.output.lines).toContain('greet runs')
    const artifact = await unpacked(built)
    const wheels = await readdir(join(artifact, 'data/wheels'))
    expect(wheels.toSorted()).toEqual(
      ['greet', 'shop', 'sources', 'words'].map((name) => `${name}-1.0-py3-none-any.whl`),
    )
    // Neither the virtual environment of the build, nor what building the wheel left beside the sources.
    expect((await readdir(join(artifact, 'data/app'))).toSorted()).toEqual([
      'backend.py',
      'pyproject.toml',
      'requirements.txt',
      'scripts',
      'shop.py',
    ])
    expect(built.info.builders['pip']).toMatch(/^3\.\d+\.\d+-\w+-linux-\w+-[0-9a-f]{32}$/)

    await rm(ctx.paths.cache, { recursive: true })
    await rm(links, { recursive: true })
    const to = join(await temporaryDirectory(), 'to')
    // No interface is up in a network namespace of its own; not everybody may make one.
    const alone = (await outcome('unshare', ['-n', 'true'])).status === 0 ? ['unshare', '-n'] : []
    const argv = ['env', '-i', 'PATH=/usr/bin:/bin', ...alone, join(artifact, 'install.sh'), to]
    const { stdout } = await run(argv[0] ?? '', argv.slice(1))
    expect(stdout).toBe(`shop ${built.info.version} is in ${to}\n`)
    expect((await run(join(to, 'venv/bin/greet-cli'))).stdout).toBe('greet runs\n')
    await run(join(to, 'venv/bin/python'), ['-c', 'import shop, sources'], { cwd: '/' })
    // pip came along only to install.
    expect((await outcome(join(to, 'venv/bin/python'), ['-m', 'pip', '--version'])).status).toBe(1)
  },
  SLOW,
)

test(
  'builds of a Python app are the same bytes, without downloads too; its virtual environment can be shared',
  async () => {
    const ctx = await pythonContext(await packages())
    const app = await createApp({ 'requirements.txt': 'sources\n', 'app.py': 'import sources\n' })
    const first = await build(ctx, app.dir)
    await rm(ctx.paths.artifactPip, { recursive: true })
    const again: Context = { ...ctx, baseEnv: { ...ctx.baseEnv, PIP_FIND_LINKS: '/nowhere' } }
    const second = await build(again, app.dir, { download: false })
    expect(second.sha256).toBe(first.sha256)
    await app.commit({ 'app.py': 'import sources  # once more\n' })
    const third = await build(ctx, app.dir)
    expect(third.info.builders['pip']).toBe(first.info.builders['pip'])

    const directory = await temporaryDirectory()
    const venv = join(directory, 'venvs', first.info.builders['pip'] ?? '')
    for (const [name, built] of Object.entries({ one: first, two: third })) {
      const to = join(directory, name)
      await installArtifact(ctx, await unpacked(built), to, { venv, output: silent })
      expect(await readlink(join(to, 'venv'))).toBe(venv)
      await run(join(to, 'venv/bin/python'), ['app.py'], { cwd: to })
      // Made once: a second installation would have taken this away.
      if (name === 'one') await writeFile(join(venv, 'note'), '')
    }
    expect(await readdir(venv)).toContain('note')
    // One that was cut short is made anew.
    await rm(join(venv, '.complete'))
    await installArtifact(ctx, await unpacked(first), join(directory, 'three'), { venv, output: silent })
    expect(await readdir(venv)).not.toContain('note')
  },
  SLOW,
)

test('an installation puts the app into the directory, as it was packed', async () => {
  const artifact = await plain()
  const directory = await temporaryDirectory()
  const { stdout } = await run(join(artifact, 'install.sh'), ['a new/place'], { cwd: directory })
  expect(stdout).toBe(`shop 1.2.0 is in ${join(directory, 'a new/place')}\n`)
  await run('diff', ['-r', join(artifact, 'data/app'), join(directory, 'a new/place')])
  expect((await lstat(join(directory, 'a new/place/bin/run'))).mode & 0o777).toBe(0o755)
})

test('a directory that holds something is not installed into', async () => {
  const artifact = await plain()
  const directory = await temporaryDirectory()
  await writeFile(join(directory, 'mine'), 'x')
  const { status, stderr } = await outcome(join(artifact, 'install.sh'), [directory])
  expect([status, stderr]).toEqual([
    1,
    `install.sh: ${directory} is not empty: name a new directory, or remove what is in it`,
  ])
  expect(await readdir(directory)).toEqual(['mine'])
})

test('an artifact for another platform says so', async () => {
  const artifact = await plain()
  await writeFile(join(artifact, 'PLATFORM'), 'plan9-mips\n')
  const to = join(await temporaryDirectory(), 'to')
  await expect(installArtifact(await testContext(), artifact, to, { output: silent })).rejects.toMatchObject({
    code: 'failed',
    output: [`install.sh: shop 1.2.0 was built for plan9-mips, and this host is ${platform()}`],
  })
})

test('an installation that fails takes back what it has done', async () => {
  const artifact = await plain()
  await writeFile(
    join(artifact, 'install.sh'),
    `${await readFile(join(artifact, 'install.sh'), 'utf8')}false\n`,
  )
  const to = join(await temporaryDirectory(), 'to')
  await mkdir(to)
  await expect(installArtifact(await testContext(), artifact, to, { output: silent })).rejects.toMatchObject({
    code: 'failed',
  })
  expect(await readdir(to)).toEqual([])
})

test(
  'packages that do not fit the Python are named with it, and nothing is left',
  async () => {
    const artifact = await plain()
    await writeFiles(artifact, { 'data/wheels/native-1.0-cp27-cp27m-linux_sparc.whl': 'never read' })
    const ctx = await testContext()
    // The wheel of pip that every Python brings, or Debian's.
    const source = await createApp({ 'requirements.txt': '' })
    const donor = await unpacked(await build(await pythonContext('/nowhere'), source.dir))
    await run('cp', ['-r', join(donor, 'data/python'), join(artifact, 'data/python')])
    const to = join(await temporaryDirectory(), 'to')
    const output = recorded()
    await expect(installArtifact(ctx, artifact, to, { output })).rejects.toMatchObject({ code: 'failed' })
    expect(output.lines.at(-1)).toMatch(
      /^install\.sh: the Python packages of shop cannot be installed with Python 3\.\S+; name the Python that it was built for with -p$/,
    )
    expect(await readdir(to)).toEqual([])
  },
  SLOW,
)

test('how it is used is said where it is used wrongly', async () => {
  const artifact = await plain()
  for (const args of [[], ['a', 'b'], ['-x', 'a']]) {
    const { status, stderr } = await outcome(join(artifact, 'install.sh'), args)
    expect([status, stderr.includes('Usage: install.sh [-p PYTHON] [-e VENV] DST')]).toEqual([2, true])
  }
})
