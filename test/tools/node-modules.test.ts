import { execFileSync, spawnSync } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isUpToDate } from '../../tools/node-modules.mjs'
import { checkNodeVersion, projectRoot } from '../../tools/prerequisites.mjs'
import { temporaryDirectory } from '../support/context.ts'

const linux = { platform: 'linux', arch: 'x64' }

/** In a process of its own, as a tool: what it prints, and how it ends. */
function ensure(root: string) {
  const module = JSON.stringify(join(projectRoot, 'tools', 'prerequisites.mjs'))
  const script = `const tools = await import(${module}); await tools.ensureNodeModules(${JSON.stringify(root)})`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  return { status: run.status, stderr: run.stderr }
}

describe('isUpToDate', () => {
  const wanted = {
    packages: {
      '': { version: '0.1.0' },
      'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
      'node_modules/native-linux': { version: '1.0.0', optional: true, os: ['linux'], cpu: ['x64'] },
      'node_modules/native-mac': { version: '1.0.0', optional: true, os: ['darwin'], cpu: ['arm64'] },
      'node_modules/for-wasm-only': { version: '1.0.0', optional: true },
    },
  }
  const here = {
    packages: {
      'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
      'node_modules/native-linux': { version: '1.0.0', optional: true },
    },
  }

  /** As `here`, with another package `a`. */
  function changed(a: object) {
    return { packages: { ...here.packages, 'node_modules/a': a } }
  }

  it('is true for what npm leaves behind: no optional packages of other platforms', () => {
    expect(isUpToDate(wanted, here, linux)).toBe(true)
  })

  it('is false when nothing was installed', () => {
    expect(isUpToDate(wanted, undefined, linux)).toBe(false)
  })

  it('is false when a package is missing or has another version or content', () => {
    expect(isUpToDate(wanted, changed({ version: '1.0.1', integrity: 'sha512-a' }), linux)).toBe(false)
    expect(isUpToDate(wanted, changed({ version: '1.0.0', integrity: 'sha512-b' }), linux)).toBe(false)
    expect(isUpToDate(wanted, { packages: {} }, linux)).toBe(false)
  })

  it('is false when the tree comes from another platform', () => {
    expect(isUpToDate(wanted, here, { platform: 'darwin', arch: 'arm64' })).toBe(false)
  })

  it('is true for the tree that runs this test', async () => {
    const [lock, installed] = await Promise.all([
      read('package-lock.json'),
      read('node_modules/.package-lock.json'),
    ])
    expect(isUpToDate(lock, installed, process)).toBe(true)
  })
})

async function read(file: string): Promise<object> {
  return JSON.parse(await readFile(join(projectRoot, file), 'utf8')) as object
}

describe('installNodeModules', () => {
  it('installs with npm what is missing, and nothing the second time', async () => {
    const root = await temporaryDirectory()
    const dependency = join(root, 'dependency')
    await mkdir(dependency)
    await writeFile(
      join(dependency, 'package.json'),
      JSON.stringify({ name: 'dependency', version: '1.0.0' }),
    )
    const main = { name: 'main', version: '1.0.0', devDependencies: { dependency: 'file:dependency' } }
    await writeFile(join(root, 'package.json'), JSON.stringify(main))
    execFileSync('npm', ['install', '--package-lock-only', '--offline', '--no-audit'], {
      cwd: root,
      stdio: 'ignore',
    })

    expect(ensure(root)).toMatchObject({ status: 0, stderr: expect.stringContaining('npm ci') as string })
    expect(ensure(root)).toEqual({ status: 0, stderr: '' })

    await rm(join(root, 'node_modules'), { recursive: true })
    expect(ensure(root)).toMatchObject({ status: 0, stderr: expect.stringContaining('npm ci') as string })
  })

  it('says what to look at when npm fails', async () => {
    const root = await temporaryDirectory()
    await writeFile(join(root, 'package.json'), '{"name": "main", "dependencies": {"a": "1.0.0"}}')
    await writeFile(
      join(root, 'package-lock.json'),
      '{"lockfileVersion": 3, "packages": {"node_modules/b": {}}}',
    )
    const { status, stderr } = ensure(root)
    expect(status).toBe(2)
    expect(
      stderr.endsWith(`The npm packages could not be installed.\nIn ${root}, see what \`npm ci\` says.\n`),
    ).toBe(true)
  })
})

describe('checkNodeVersion', () => {
  it('takes 20.19 and newer', () => {
    for (const version of ['20.19.0', '20.20.2', '22.0.0', '25.1.0']) {
      expect(() => checkNodeVersion(version)).not.toThrow()
    }
  })

  it('refuses older ones with a word on what to do', () => {
    for (const version of ['18.20.4', '20.18.3']) {
      expect(() => checkNodeVersion(version)).toThrow(
        `pypaas needs Node 20.19 or newer; this is ${version} (${process.execPath}).\n` +
          'Install a current one from https://nodejs.org or with your version manager, and try again.',
      )
    }
  })
})
